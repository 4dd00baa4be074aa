import type { NotificationKind, StoredEvent } from '@tacet/protocol';
import { type Clock, type Logger, withDeadline } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import type { Roster } from '../gateway/roster.ts';
import type { Incident } from '../store/notification-news.ts';
import type { Store } from '../store/open-store.ts';
import type { ChannelBook, Entry } from './channel-book.ts';
import type { NotificationConfig } from './config.ts';
import { guestsNow } from './guests-now.ts';
import type { Notice, StoredNotice } from './notice.ts';
import { backupOverdue } from './rules/backup-overdue.ts';
import { guestNotReady } from './rules/guest-not-ready.ts';
import type { BackupResult, Facts, News } from './rules/news.ts';
import { newsOfEvent } from './rules/of-event.ts';

export interface WatcherOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly roster: Roster;
  readonly isBusy: (vmid: number) => boolean;
  readonly book: ChannelBook;
  readonly config: NotificationConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when something is to be sent. */
  readonly onNews: () => void;
}

/** How often guests are looked at; events are looked at as they come. */
const LOOK_MS = 30_000;
const PAGE = 200;
/** An event that cannot be judged is left out after so many tries, or nothing behind it would ever be told. */
const MAX_TRIES = 3;
const FAILED_MS = 5_000;

/** Reads the events from where it had stopped, and looks at the guests, for what people want to know. */
export class NewsWatcher {
  readonly #options: WatcherOptions;
  readonly #incidents = new Map<string, Incident>();
  #lookedAtMs: number | undefined;
  #stuck = { sequence: 0, tries: 0 };

  private constructor(options: WatcherOptions) {
    this.#options = options;
  }

  static async open(options: WatcherOptions): Promise<NewsWatcher> {
    const watcher = new NewsWatcher(options);
    const { notificationNews: news, events } = options.store;
    await news.forgetUntold();
    for (const incident of await news.incidents()) watcher.#incidents.set(keyOf(incident), incident);
    // What was before there were notifications is no news.
    if ((await news.cursor()) === undefined) {
      await news.commit({ cursor: await events.newest(), notices: [], opened: [], closed: [] });
    }
    return watcher;
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { events, clock, log } = this.#options;
    while (!signal.aborted) {
      using pause = withDeadline(signal, LOOK_MS, 'the next event', clock);
      // Asked for before it looks: what happens meanwhile wakes it.
      const next = events.nextEvent(pause.signal).catch(() => undefined);
      try {
        await this.#readEvents(signal);
        await this.#lookAtGuests();
        await next;
      } catch (error) {
        log.error('what is worth a notification could not be found out, and is tried again', { error });
        await clock.sleep(FAILED_MS, signal).catch(() => undefined);
      }
    }
  }

  /** However much there is to read, until the signal aborts: the cursor says where the next start goes on. */
  async #readEvents(signal: AbortSignal): Promise<void> {
    const { notificationNews: news, events } = this.#options.store;
    while (!signal.aborted) {
      const after = (await news.cursor()) ?? 0;
      const page = await events.after(after, PAGE);
      for (const event of page) {
        if (signal.aborted) return;
        await this.#judge(event);
      }
      if (page.length < PAGE) return;
    }
  }

  async #judge(event: StoredEvent): Promise<void> {
    const { log } = this.#options;
    const { sequence } = event;
    let news: News;
    try {
      news = await newsOfEvent(event, this.#facts);
    } catch (error) {
      this.#stuck = { sequence, tries: (this.#stuck.sequence === sequence ? this.#stuck.tries : 0) + 1 };
      if (this.#stuck.tries < MAX_TRIES) throw error;
      log.error('an event could not be judged, and is told to nobody', { sequence, type: event.type, error });
      news = {};
    }
    await this.#commit(news, sequence);
  }

  async #lookAtGuests(): Promise<void> {
    const { clock, config } = this.#options;
    const nowMs = clock.monotonicMs();
    // Half of it: a timer that fires a little early must not cost a whole turn.
    if (this.#lookedAtMs !== undefined && nowMs - this.#lookedAtMs < LOOK_MS / 2) return;
    const guests = await guestsNow(this.#options);
    const now = clock.now();
    for (const guest of guests) {
      const { vmid } = guest;
      const notReady = this.#incident('guest-not-ready', vmid);
      await this.#commit(guestNotReady(guest, notReady, now, config.notReadyAfterMs));
      await this.#commit(backupOverdue(guest, this.#incident('backup-overdue', vmid), now, config));
    }
    // Nobody waits for the end of what was wrong with a guest that is gone.
    const shown = [...(await this.#options.store.knownGuests.list()).values()].flat();
    const known = new Set([...guests, ...shown].map(({ vmid }) => vmid));
    await this.#commit({ closed: [...this.#incidents.values()].filter(({ vmid }) => !known.has(vmid)) });
    this.#lookedAtMs = nowMs;
  }

  async #commit({ notices = [], result, opened = [], closed = [] }: News, cursor?: number): Promise<void> {
    const { store, book, clock, onNews } = this.#options;
    if (cursor === undefined && notices.length + opened.length + closed.length === 0) return;
    const after = new Map(this.#incidents);
    for (const one of closed) after.delete(keyOf(one));
    for (const one of opened) after.set(keyOf(one), one);
    const at = clock.now();
    const letters = book.entries.flatMap((entry) =>
      lettersFor(entry, notices, result, [...after.values()]).map((notice) => ({
        channel: entry.name,
        at,
        notice: JSON.stringify(notice),
      })),
    );
    await store.notificationNews.commit({
      notices: letters,
      opened,
      closed,
      ...(cursor !== undefined && { cursor }),
    });
    this.#incidents.clear();
    for (const [key, incident] of after) this.#incidents.set(key, incident);
    if (letters.length > 0) onNews();
  }

  #incident(kind: NotificationKind, vmid: number): Incident | undefined {
    return this.#incidents.get(keyOf({ kind, vmid }));
  }

  get #facts(): Facts {
    const { store, log } = this.#options;
    return {
      operation: (id) => store.operations.get(id),
      guest: (id) => store.guests.get(id),
      isOpen: (kind, vmid) => this.#incident(kind, vmid) !== undefined,
      wantedOf: async (operationId) => {
        const name = await store.notificationNews.scheduleOf(operationId);
        if (name === undefined) return 'app';
        const schedules = await store.schedules.list((schedule, error) =>
          log.debug('a schedule cannot be read', { schedule, error }),
        );
        // In the other modes nothing is held, by the will of whoever wrote the schedule.
        const mode = schedules.find(({ schedule }) => schedule.name === name)?.schedule.mode;
        return mode === undefined || mode === 'snapshot' ? 'app' : 'crash';
      },
    };
  }
}

function keyOf({ kind, vmid }: Pick<Incident, 'kind' | 'vmid'>): string {
  return `${kind} ${vmid}`;
}

/** What a channel is told of some news. */
function lettersFor(
  { channel }: Entry,
  notices: readonly Notice[],
  result: BackupResult | undefined,
  incidents: readonly Incident[],
): StoredNotice[] {
  if (!channel.enabled) return [];
  const { vmids } = channel;
  const isAbout = (vmid: number): boolean => vmids?.includes(vmid) ?? true;
  if (channel.kind !== 'ping') {
    return notices.filter(
      (notice) =>
        (channel.kinds?.includes(notice.kind) ?? true) &&
        (channel.resolved || !notice.resolved) &&
        (vmids === undefined || notice.vmids.some(isAbout)),
    );
  }
  if (result === undefined || !isAbout(result.vmid)) return [];
  // One check for several guests is good while all of them are.
  const others = incidents
    .filter(({ kind, vmid }) => isOfBackup(kind) && vmid !== result.vmid && isAbout(vmid))
    .map(({ vmid }) => vmid);
  if (!result.good || others.length === 0) return [{ as: 'ping', good: result.good, text: result.text }];
  const text = `${result.text}\nBut the last backup of ${[...new Set(others)].join(', ')} was not good.`;
  return [{ as: 'ping', good: false, text }];
}

function isOfBackup(kind: string): boolean {
  return kind === 'verdict-below-policy' || kind === 'operation-failed';
}
