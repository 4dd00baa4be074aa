import { randomUUID } from 'node:crypto';
import type { ChannelInput, ChannelTest, ChannelView, Delivery } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { KeyRing } from '@tacet/runtime/sealing';
import type { EventLog } from '../event-log.ts';
import { Failure } from '../failure.ts';
import type { Roster } from '../gateway/roster.ts';
import type { Store } from '../store/open-store.ts';
import type { Expected } from '../versioned-entries.ts';
import { ChannelBook, type Entry } from './channel-book.ts';
import { ChannelSender, inWords, requireOpen } from './channel-sender.ts';
import { destinationOf } from './channel-secrets.ts';
import { SEND_TIMEOUT_MS } from './channels/post.ts';
import { sendMessage } from './channels/send.ts';
import type { NotificationConfig } from './config.ts';
import { testMessage } from './message.ts';
import { type AttemptLimits, attemptLimits } from './next-attempt.ts';
import { NewsWatcher } from './news-watcher.ts';

export interface NotificationDeskOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly roster: Roster;
  /** Whether an operation on a guest is under way. */
  readonly isBusy: (vmid: number) => boolean;
  readonly keys: KeyRing;
  readonly config: NotificationConfig;
  readonly version: string;
  /** Where the dashboard is, as `https://name`. */
  readonly origin: () => string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Told of every attempt of a message that was queued. */
  readonly onAttempt: (channel: string, outcome: 'sent' | 'retried' | 'failed') => void;
  readonly limits?: AttemptLimits;
}

interface Running {
  readonly sender: ChannelSender;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

interface Parts {
  readonly book: ChannelBook;
  readonly watcher: NewsWatcher;
  readonly senders: Map<string, Running>;
}

/** What people do with channels, and what goes out through them. Disposing of it sends no more. */
export class NotificationDesk implements AsyncDisposable {
  readonly #options: NotificationDeskOptions;
  readonly #book: ChannelBook;
  readonly #watcher: NewsWatcher;
  readonly #senders: Map<string, Running>;
  readonly #stop = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #hasBegun = false;

  private constructor(options: NotificationDeskOptions, { book, watcher, senders }: Parts) {
    this.#options = options;
    this.#book = book;
    this.#watcher = watcher;
    this.#senders = senders;
  }

  static async open(options: NotificationDeskOptions): Promise<NotificationDesk> {
    const { store } = options;
    const book = await ChannelBook.open({ ...options, store: store.notificationChannels });
    const senders = new Map<string, Running>();
    const onNews = (): void => {
      for (const { sender } of senders.values()) sender.wake();
    };
    const watcher = await NewsWatcher.open({ ...options, book, onNews });
    return new NotificationDesk(options, { book, watcher, senders });
  }

  /** Begins to watch and to send: from when on the address of the dashboard is known. */
  begin(): void {
    this.#hasBegun = true;
    this.#watching = this.#watcher.run(this.#stop.signal);
    for (const { name } of this.#book.entries) this.#startSender(name);
  }

  async list(): Promise<ChannelView[]> {
    const waiting = await this.#options.store.notificationOutbox.waiting();
    return await Promise.all(this.#book.entries.map((entry) => this.#view(entry, waiting)));
  }

  /** @throws Failure `not-found` */
  async get(name: string): Promise<ChannelView> {
    const entry = this.#book.require(name);
    return await this.#view(entry, await this.#options.store.notificationOutbox.waiting());
  }

  /** @throws Failure `invalid-input`, `conflict` */
  async put(name: string, input: ChannelInput, expected?: Expected): Promise<ChannelView> {
    const { notificationOutbox: outbox } = this.#options.store;
    const before = this.#book.get(name);
    const { channel } = await this.#book.put(name, input, expected);
    if (!channel.enabled) await outbox.drop(name, 'the channel was disabled');
    else if (before !== undefined && (before.channel.kind === 'ping') !== (channel.kind === 'ping')) {
      await outbox.drop(name, 'the channel became another one');
    } else await outbox.retryNow(name, this.#options.clock.now());
    this.#startSender(name);
    this.#senders.get(name)?.sender.wake();
    return await this.get(name);
  }

  /** What was to be sent through it is dropped. @throws Failure `not-found`, `conflict` */
  async delete(name: string, expected?: Expected): Promise<void> {
    await this.#book.delete(name, expected);
    const running = this.#senders.get(name);
    this.#senders.delete(name);
    running?.stop.abort(new Failure('not-found', 'the channel was deleted'));
    await running?.ended;
  }

  /** Newest first. @throws Failure `not-found` */
  async deliveries(name: string, limit: number): Promise<Delivery[]> {
    this.#book.require(name);
    return await this.#options.store.notificationOutbox.deliveries(name, limit);
  }

  /** One attempt, now, whether the channel is enabled or not. @throws Failure `not-found`; the signal's reason */
  async test(name: string, signal: AbortSignal): Promise<ChannelTest> {
    const { clock, version, origin, log } = this.#options;
    const entry = this.#book.require(name);
    const message = testMessage(name, { id: randomUUID(), at: clock.now(), origin: origin() });
    const startMs = clock.monotonicMs();
    const tookMs = (): number => Math.round(clock.monotonicMs() - startMs);
    try {
      const carrier = { clock, version, signal, timeoutMs: SEND_TIMEOUT_MS };
      const said = await sendMessage(entry.channel, requireOpen(entry), message, carrier);
      return { delivered: true, message: said, tookMs: tookMs() };
    } catch (error) {
      signal.throwIfAborted();
      log.info('a test of a channel failed', { channel: name, error });
      return { delivered: false, message: inWords(error), tookMs: tookMs() };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Failure('internal', 'the controller is stopping'));
    await Promise.all([this.#watching, ...[...this.#senders.values()].map(({ ended }) => ended)]);
  }

  #startSender(name: string): void {
    if (!this.#hasBegun || this.#stop.signal.aborted || this.#senders.has(name)) return;
    const { store, onAttempt, limits = attemptLimits } = this.#options;
    const sender = new ChannelSender({
      ...this.#options,
      name,
      outbox: store.notificationOutbox,
      entry: () => this.#book.get(name),
      limits,
      onAttempt: (outcome) => onAttempt(name, outcome),
    });
    const stop = new AbortController();
    const ended = sender.run(AbortSignal.any([this.#stop.signal, stop.signal]));
    this.#senders.set(name, { sender, stop, ended });
  }

  async #view(entry: Entry, waiting: ReadonlyMap<string, number>): Promise<ChannelView> {
    const { name, channel, secrets, version, changedAt } = entry;
    return {
      name,
      channel,
      destination: destinationOf(channel, secrets),
      hasSecrets: Object.keys(secrets ?? {}).toSorted(),
      version,
      changedAt,
      waiting: waiting.get(name) ?? 0,
      lastDelivery: (await this.#options.store.notificationOutbox.newest(name)) ?? null,
    };
  }
}
