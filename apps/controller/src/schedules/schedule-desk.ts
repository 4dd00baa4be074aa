import { randomUUID } from 'node:crypto';
import { type DrillRecord, nextDrills, nextEvent, type SelectableGuest, selectGuests } from '@tacet/core';
import type {
  GuestSchedule,
  Operation,
  Schedule,
  SchedulePreview,
  ScheduleRun,
  ScheduleView,
} from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure } from '../failure.ts';
import type { DrillPolicy } from '../jobs/drill-job.ts';
import type { Operations } from '../jobs/operations.ts';
import type { AgentPort } from '../jobs/ports.ts';
import type { Nodes } from '../nodes/nodes.ts';
import type { KnownGuest } from '../store/known-guests.ts';
import type { Store } from '../store/open-store.ts';
import { drillRecords } from './drill-records.ts';
import type { Expected } from '../versioned-entries.ts';
import { GuestDirectory } from './guest-directory.ts';
import { guestSchedules } from './guest-schedules.ts';
import { Placements } from './placements.ts';
import { inWords, preview, previewDrills } from './preview.ts';
import { RunLedger } from './run-ledger.ts';
import { type Entry, ScheduleBook } from './schedule-book.ts';
import { ScheduleNews } from './schedule-news.ts';
import { Scheduler } from './scheduler.ts';
import { dueRun } from './settle-run.ts';
import type { Waiting } from './waiting.ts';

export interface ScheduleDeskOptions {
  readonly store: Pick<
    Store,
    'schedules' | 'scheduleRuns' | 'knownGuests' | 'nodeRequests' | 'drills' | 'backups'
  >;
  readonly operations: Pick<Operations, 'backup' | 'drill' | 'get' | 'isBusy' | 'running'>;
  readonly nodes: Pick<Nodes, 'guests' | 'byName'>;
  readonly agents: Pick<AgentPort, 'presence'>;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
  /** Reserved for the scratch guests of drills, which no schedule selects. */
  readonly scratch?: DrillPolicy['vmids'] | undefined;
}

/** How old the list of guests may be for somebody who asks. */
const FRESH_MS = 5_000;
/** And for those who look at all guests again and again. */
const STALE_MS = 60_000;

const words: Record<Waiting, string> = {
  'schedule-gone': 'the schedule was deleted',
  'schedule-disabled': 'the schedule was disabled',
  blackout: 'waits for the end of a blackout',
  'guest-busy': 'waits for another operation on the guest',
  'node-limit': 'waits for its turn on the node',
  'storage-limit': 'waits for its turn on the storage',
  'agent-away': 'waits for the agent, which was not connected when the controller started',
};

/** What people do with schedules, and the scheduler that carries them out. Disposing of it starts no more. */
export class ScheduleDesk implements AsyncDisposable {
  readonly #options: ScheduleDeskOptions;
  readonly #book: ScheduleBook;
  readonly #ledger: RunLedger;
  readonly #directory: GuestDirectory;
  readonly #news: ScheduleNews;
  readonly #scheduler: Scheduler;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #isLooking = false;

  private constructor(options: ScheduleDeskOptions, parts: Parts) {
    this.#options = options;
    this.#book = parts.book;
    this.#ledger = parts.ledger;
    this.#directory = parts.directory;
    this.#news = parts.news;
    this.#scheduler = parts.scheduler;
    this.#running = parts.scheduler.run(this.#stop.signal);
  }

  /** To be called when the operations that were under way have been resumed. */
  static async open(options: ScheduleDeskOptions): Promise<ScheduleDesk> {
    const { store, nodes, clock, log, events, scratch } = options;
    const book = await ScheduleBook.open({ store: store.schedules, clock, log });
    const ledger = await RunLedger.open(store.scheduleRuns, log);
    const list = nodes.guests.bind(nodes);
    const directory = await GuestDirectory.open({ list, store: store.knownGuests, clock, log, scratch });
    const placements = new Placements({ directory, requests: store.nodeRequests, nodes, log });
    const news = new ScheduleNews(events);
    const scheduler = await Scheduler.open({
      ...options,
      book,
      ledger,
      directory,
      placements,
      news,
      drills: store,
    });
    return new ScheduleDesk(options, { book, ledger, directory, news, scheduler });
  }

  /** To be told of every operation that has ended. */
  ended(operation: Operation): void {
    this.#scheduler.ended(operation);
  }

  list(): ScheduleView[] {
    return this.#book.entries.map((entry) => this.#view(entry));
  }

  /** @throws Failure `not-found` */
  get(name: string): ScheduleView {
    return this.#view(this.#book.require(name));
  }

  /** @throws Failure `invalid-input` naming all that is wrong, `conflict` */
  async put(schedule: Schedule, expected?: Expected): Promise<ScheduleView> {
    const entry = await this.#book.put(schedule, expected);
    await this.#news.changed(schedule.name, entry.version === 1 ? 'made' : 'changed');
    this.#scheduler.wake();
    return this.#view(entry);
  }

  /** What waits is dropped; what is under way goes on. @throws Failure `not-found`, `conflict` */
  async delete(name: string, expected?: Expected): Promise<void> {
    await this.#book.delete(name, expected);
    await this.#news.changed(name, 'deleted');
    this.#scheduler.wake();
  }

  /** Newest first. @throws Failure `not-found` for a schedule that never was */
  async runs(name: string, limit: number): Promise<ScheduleRun[]> {
    const runs = await this.#ledger.of(name, limit);
    if (runs.length === 0) this.#book.require(name);
    return runs.map((run) => this.#explained(run));
  }

  async preview(name: string, count: number, signal: AbortSignal): Promise<SchedulePreview> {
    const { compiled } = this.#book.require(name);
    const guests = await this.#directory.look(FRESH_MS, signal);
    const { agents, clock, store } = this.#options;
    const now = clock.now();
    if (compiled.schedule.action === 'backup') return preview({ compiled, guests, agents, now, count });
    const records = await this.#drillRecords(name, guests);
    return await previewDrills({ compiled, guests, records, store, now, count });
  }

  /** Where a guest is, as it was last shown: no answer waits for a node. */
  place(vmid: number): KnownGuest | undefined {
    return this.#directory.get(vmid);
  }

  /** By VMID: the schedules that back a guest up, and what came of each last. Nodes are asked behind the answer. */
  async ofGuests(): Promise<Map<number, GuestSchedule[]>> {
    const { clock } = this.#options;
    void this.#lookBehind();
    const lastRuns = (await this.#ledger.lastOfEach()).map((run) => this.#explained(run));
    const { guests } = this.#directory;
    return guestSchedules({ schedules: this.#book.schedules, guests, lastRuns, now: clock.now() });
  }

  /**
   * Makes due now what the schedule selects, or `vmids` of it; of one that drills, without `vmids`, those whose turn
   * it is. @throws Failure `not-found`, `invalid-input`
   */
  async runNow(
    name: string,
    vmids: readonly number[] | undefined,
    signal: AbortSignal,
  ): Promise<{ runs: ScheduleRun[]; alreadyUnderWay: number[] }> {
    const { schedule } = this.#book.require(name).compiled;
    const guests = await this.#directory.look(FRESH_MS, signal);
    const { action } = schedule;
    const { selected: seen } = selectGuests(schedule.guests, guests);
    const selected = seen.map(({ vmid }) => vmid);
    requireSelected(name, selected, vmids);
    const now = this.#options.clock.now();
    const ofTurn = async (): Promise<number[]> =>
      nextDrills(seen, await this.#drillRecords(name, seen), schedule.perRun).drill.map(({ vmid }) => vmid);
    const turn = action === 'drill' && vmids === undefined ? await ofTurn() : selected;
    const wanted = turn.filter((vmid) => vmids?.includes(vmid) ?? true);
    const open = [...this.#ledger.queued, ...this.#ledger.started].filter((run) => run.schedule === name);
    const runs = wanted.flatMap((vmid): ScheduleRun | [] => {
      const own = open.find((run) => run.vmid === vmid);
      if (own?.state === 'started') return [];
      const due = { schedule: name, action, vmid, eventAt: now, dueAt: now, late: false };
      return { ...(own ?? dueRun(randomUUID(), due)), cause: 'request' };
    });
    await this.#ledger.set(...runs);
    await this.#news.asked(name, runs);
    this.#scheduler.wake();
    const begun = new Set(runs.map(({ vmid }) => vmid));
    return { runs, alreadyUnderWay: wanted.filter((vmid) => !begun.has(vmid)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Failure('internal', 'the controller is stopping'));
    await this.#running;
  }

  async #lookBehind(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#directory.look(STALE_MS, this.#stop.signal);
    } catch (error) {
      // What is shown is what was seen before; the next one who looks has it tried again.
      if (!this.#stop.signal.aborted)
        this.#options.log.warn('which guests there are is not known', { error });
    } finally {
      this.#isLooking = false;
    }
  }

  #drillRecords(name: string, guests: readonly SelectableGuest[]): Promise<Map<number, DrillRecord>> {
    const open = [...this.#ledger.queued, ...this.#ledger.started];
    return drillRecords(name, guests, open, this.#options.store);
  }

  #view({ compiled, version, changedAt }: Entry): ScheduleView {
    const { schedule, event, zone } = compiled;
    const isOwn = (run: ScheduleRun): boolean => run.schedule === schedule.name;
    return {
      schedule,
      version,
      changedAt,
      when: inWords(compiled),
      nextAt: (schedule.enabled ? nextEvent(event, this.#options.clock.now(), zone) : undefined) ?? null,
      queued: this.#ledger.queued.filter(isOwn).length,
      started: this.#ledger.started.filter(isOwn).length,
    };
  }

  #explained(run: ScheduleRun): ScheduleRun {
    if (run.state !== 'queued') return run;
    const waiting = this.#scheduler.whyWaiting(run);
    return waiting === undefined ? run : { ...run, message: words[waiting] };
  }
}

interface Parts {
  readonly book: ScheduleBook;
  readonly ledger: RunLedger;
  readonly directory: GuestDirectory;
  readonly news: ScheduleNews;
  readonly scheduler: Scheduler;
}

function requireSelected(
  name: string,
  selected: readonly number[],
  vmids: readonly number[] | undefined,
): void {
  const strangers = vmids?.filter((vmid) => !selected.includes(vmid)) ?? [];
  if (selected.length > 0 && strangers.length === 0) return;
  const message =
    strangers.length > 0
      ? `the schedule "${name}" does not select ${strangers.join(', ')}`
      : `the schedule "${name}" selects no guest that can be seen`;
  throw new Failure('invalid-input', message, {
    hint: `tacet schedule preview ${name} shows whom it selects.`,
  });
}
