import { randomUUID } from 'node:crypto';
import type { Channel } from '@tacet/protocol';
import { type Clock, deferred, describeError, type Logger, orAborted, withDeadline } from '@tacet/runtime';
import type { NotificationOutbox, Outgoing, WaitingDelivery } from '../store/notification-outbox.ts';
import type { Entry } from './channel-book.ts';
import { SEND_TIMEOUT_MS } from './channels/post.ts';
import { send } from './channels/send.ts';
import { Undelivered } from './channels/undelivered.ts';
import { type Group, groupsOf } from './grouping.ts';
import { messageOf } from './message.ts';
import { type AttemptLimits, nextAttemptAt } from './next-attempt.ts';
import { type Notice, type PingNotice, storedNoticeSchema } from './notice.ts';
import { allowedAt } from './rate-limit.ts';

export interface SenderOptions {
  readonly outbox: NotificationOutbox;
  /** Undefined once it is gone. */
  readonly entry: () => Entry | undefined;
  readonly name: string;
  /** Where the dashboard is. */
  readonly origin: () => string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: AttemptLimits;
  readonly random: () => number;
  readonly onAttempt: (outcome: 'sent' | 'retried' | 'failed') => void;
}

/** Put together at a time; what is beyond becomes the next message. */
const MAX_NOTICES = 200;
/** Looks again after so long, whatever it waits for: clocks are set. */
const IDLE_MS = 60_000;
/** When the store does not take what has to be written. */
const STORE_FAILED_MS = 10_000;

/** Sends what waits for one channel, one message at a time, whose turn is first. */
export class ChannelSender {
  readonly #options: SenderOptions;
  readonly #startedAt: number;
  #woken = deferred();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
  }

  /** There is something new. */
  wake(): void {
    this.#woken.resolve();
  }

  /** Resolves when the signal aborts. What is being sent then is sent again at the next start. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, name, clock } = this.#options;
    while (!signal.aborted) {
      const woken = (this.#woken = deferred());
      let waitMs: number;
      try {
        waitMs = await this.#round(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.error('notifications could not be looked at, and wait', { channel: name, error });
        waitMs = STORE_FAILED_MS;
      }
      if (waitMs === 0) continue;
      using pause = withDeadline(signal, waitMs, 'the next notification', clock);
      await orAborted(woken.promise, pause.signal).catch(() => undefined); // both ends of it are fine
    }
  }

  /** @returns how long there is nothing to do, unless somebody wakes it. */
  async #round(signal: AbortSignal): Promise<number> {
    const { outbox, name, clock, entry } = this.#options;
    const channel = entry()?.channel;
    if (channel === undefined || !channel.enabled) return IDLE_MS;
    const formedAt = await this.#form(channel);
    const next = await outbox.next(name);
    const now = clock.now();
    if (next !== undefined && next.nextAt <= now) {
      await this.#attempt(next, signal);
      return 0;
    }
    const at = Math.min(formedAt, next?.nextAt ?? Infinity);
    return Math.max(0, Math.min(IDLE_MS, at - now));
  }

  /** Makes messages of what is due. @returns when the next is */
  async #form(channel: Channel): Promise<number> {
    const { outbox, name, clock } = this.#options;
    const waiting = await outbox.notices(name, MAX_NOTICES);
    const parsed = waiting.map(({ id, at, notice }) => ({
      id,
      at,
      notice: storedNoticeSchema.parse(notice),
    }));
    if (channel.kind === 'ping') {
      const pings = parsed.flatMap(({ notice }) => (notice.as === 'ping' ? [notice] : []));
      const newest = pings.at(-1);
      if (newest !== undefined)
        await this.#formPing(
          newest,
          parsed.map(({ id }) => id),
        );
      return Infinity;
    }
    const queued = parsed.flatMap(({ notice, ...rest }) =>
      notice.as === 'notice' ? [{ ...rest, notice }] : [],
    );
    const now = clock.now();
    for (const group of groupsOf(queued, channel.groupMs, now)) {
      if (group.dueAt > now) return group.dueAt;
      const made = await outbox.madeSince(name, now - channel.limit.perMs);
      const allowed = allowedAt(made, channel.limit, now);
      if (allowed > now) return allowed;
      await this.#formMessage(group);
    }
    return Infinity;
  }

  async #formMessage({ queued }: Group): Promise<void> {
    const { outbox, name, clock, origin } = this.#options;
    const [first, ...others] = queued;
    const notices: [Notice, ...Notice[]] = [first.notice, ...others.map(({ notice }) => notice)];
    const now = clock.now();
    const message = messageOf(notices, { id: randomUUID(), at: now, origin: origin() });
    const outgoing: Outgoing = { what: 'message', message };
    await outbox.form(name, { outgoing, now, notices: queued.map(({ id }) => id) });
  }

  /** Only the newest counts: an older one that waits for another try would say what is not so any more. */
  async #formPing({ good, text }: PingNotice, notices: readonly number[]): Promise<void> {
    const { outbox, name, clock } = this.#options;
    const outgoing: Outgoing = { what: 'ping', message: { kind: 'ping', id: randomUUID(), good, text } };
    await outbox.form(name, { outgoing, now: clock.now(), notices, replaces: 'a newer ping goes instead' });
  }

  async #attempt({ id, outgoing, attempts, createdAt }: WaitingDelivery, signal: AbortSignal): Promise<void> {
    const { outbox, name, clock, version, log, limits, random, onAttempt, entry } = this.#options;
    const known = entry();
    if (known === undefined) return;
    await outbox.trying(id, clock.now());
    try {
      const carrier = { clock, version, signal, timeoutMs: SEND_TIMEOUT_MS };
      await send(known.channel, requireOpen(known), outgoing, carrier);
    } catch (error) {
      if (signal.aborted) throw error;
      const now = clock.now();
      const since = Math.max(createdAt, this.#startedAt);
      const nextAt = nextAttemptAt({ error, attempts: attempts + 1, since, now, random }, limits);
      log.warn('a notification was not delivered', { channel: name, attempts: attempts + 1, nextAt, error });
      await outbox.tried(id, { error: inWords(error), nextAt });
      onAttempt(nextAt === null ? 'failed' : 'retried');
      return;
    }
    await outbox.tried(id, { state: 'sent' });
    onAttempt('sent');
  }
}

/** @throws Undelivered */
export function requireOpen({ secrets }: Entry): NonNullable<Entry['secrets']> {
  if (secrets !== undefined) return secrets;
  throw new Undelivered('the secrets of this channel do not open with the key of this controller', {
    refused: true,
    hint: 'Put it again, with its secrets.',
  });
}

/** As it is shown: the chain in one line, and what to do. */
export function inWords(error: unknown): string {
  const hint = error instanceof Undelivered && error.hint !== undefined ? `. ${error.hint}` : '';
  return `${describeError(error)}${hint}`;
}
