import { randomUUID } from 'node:crypto';
import {
  type CompiledSchedule,
  type DrillRecord,
  dueRuns,
  nextEvent,
  nextToStart,
  type QueuedRun,
  type SelectableGuest,
  type Starts,
} from '@tacet/core';
import type { BackupOptions, Drill, Operation, Schedule, ScheduleRun } from '@tacet/protocol';
import { type Clock, deferred, type Logger, orAborted, TacetError } from '@tacet/runtime';
import type { Operations } from '../jobs/operations.ts';
import type { AgentPort } from '../jobs/ports.ts';
import { UnreadableRow } from '../store/readable-rows.ts';
import { drillRecords, type DrillSources } from './drill-records.ts';
import type { GuestDirectory } from './guest-directory.ts';
import type { Placements } from './placements.ts';
import type { RunLedger } from './run-ledger.ts';
import type { ScheduleBook } from './schedule-book.ts';
import type { ScheduleNews } from './schedule-news.ts';
import { ScheduledDrills } from './scheduled-drills.ts';
import { dueRun, missed, missedRun, requeued, settled, unknown } from './settle-run.ts';
import type { Waiting } from './waiting.ts';

export interface SchedulerOptions {
  readonly book: ScheduleBook;
  readonly ledger: RunLedger;
  readonly directory: GuestDirectory;
  readonly placements: Placements;
  readonly news: ScheduleNews;
  readonly operations: Pick<Operations, 'backup' | 'drill' | 'get' | 'isBusy' | 'running'>;
  readonly drills: DrillSources;
  readonly agents: Pick<AgentPort, 'presence'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Between two looks at what is due, unless something happens before. */
const TICK_MS = 30_000;
/** How old the list of guests may be when runs are decided or begin. */
const FRESH_MS = 30_000;
/** Agents come back within this after the controller has started: until then theirs wait for them. */
const AGENTS_MS = 60_000;
/** Between two looks while that lasts. */
const ARRIVALS_MS = 1_000;
/** Longer than this without a controller is downtime, in which runs were missed; shorter is a restart. */
const DOWNTIME_MS = 15 * 60_000;
/** It is written down at least so often that the controller lives. */
const ALIVE_MS = 5 * 60_000;

/**
 * Starts backups and drills when their turn has come, where and as many at a time as the schedules say. Each run is written
 * down before its backup begins, together with the id that this will have: a controller that comes back knows
 * which have begun.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #decidedUntil: Map<string, number>;
  readonly #openedMs: number;
  readonly #wasDown: boolean;
  readonly #waiting = new Map<string, Waiting>();
  readonly #drills: ScheduledDrills;
  #lookedAt: number;
  #writtenMs = Number.NEGATIVE_INFINITY;
  #woken = deferred();

  private constructor(options: SchedulerOptions) {
    const { book, clock } = options;
    this.#options = options;
    this.#drills = new ScheduledDrills(options);
    this.#decidedUntil = new Map(book.decidedBefore);
    this.#openedMs = clock.monotonicMs();
    this.#lookedAt = clock.now();
    const aliveAt = Math.max(...book.decidedBefore.values());
    this.#wasDown = clock.now() - aliveAt > DOWNTIME_MS;
  }

  /** Finds out what has become of the runs that a controller before this one had begun. */
  static async open(options: SchedulerOptions): Promise<Scheduler> {
    const { ledger, operations, clock, log } = options;
    const scheduler = new Scheduler(options);
    for (const run of ledger.started) {
      try {
        const operation = await operations.get(run.operationId ?? '');
        if (operation === undefined) {
          await ledger.set(requeued(run, 'the controller was stopped before it had begun'));
        } else if (operation.state !== 'running')
          await ledger.set(settled(run, operation, await scheduler.#shownBy(operation)));
      } catch (error) {
        if (!(error instanceof UnreadableRow)) throw error;
        log.error('what has become of a run cannot be read', {
          schedule: run.schedule,
          vmid: run.vmid,
          error,
        });
        await ledger.set(unknown(run, error, clock.now()));
      }
    }
    await scheduler.#giveUpWhatIsTooLate();
    return scheduler;
  }

  /** Why a queued run has not begun yet, as far as that has been looked at. */
  whyWaiting(run: ScheduleRun): Waiting | undefined {
    return this.#waiting.get(run.id);
  }

  /** Something has changed that may let runs begin. */
  wake(): void {
    this.#woken.resolve();
  }

  /** To be told of every operation that has ended. */
  ended(operation: Operation): void {
    void this.#settle(operation); // never rejects
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    while (!signal.aborted) {
      this.#woken = deferred();
      try {
        await this.#turn(signal);
      } catch (error) {
        if (signal.aborted) break;
        log.error('a look at the schedules failed; the next one comes', { error });
      }
      await this.#pause(signal);
    }
    await this.#drills.drained();
  }

  /** Looks once at what is due, and starts what may begin. */
  async #turn(signal: AbortSignal): Promise<void> {
    await this.#decide(signal);
    await this.#startWhatMay(signal);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const slept = new AbortController();
    try {
      const sleep = clock.sleep(this.#pauseMs(), slept.signal);
      await orAborted(Promise.race([sleep, this.#woken.promise]), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      slept.abort();
    }
  }

  #pauseMs(): number {
    const { book, clock } = this.#options;
    // From the last look on, and not from now: an event may have happened while that went on.
    const events = book.schedules
      .filter(({ schedule }) => schedule.enabled)
      .map(({ event, zone }) => nextEvent(event, this.#lookedAt, zone) ?? Infinity);
    const now = clock.now();
    const away = [...this.#waiting.values()].includes('agent-away');
    return Math.min(away ? ARRIVALS_MS : TICK_MS, ...events.map((at) => at - now));
  }

  async #decide(signal: AbortSignal): Promise<void> {
    const { book, ledger, directory, news, clock } = this.#options;
    const now = clock.now();
    this.#lookedAt = now;
    const { schedules } = book;
    const mayBeDue = schedules.filter(({ schedule, event, zone }) => {
      const since = this.#decidedUntil.get(schedule.name) ?? now;
      const next = nextEvent(event, since - schedule.when.jitterMs, zone);
      return schedule.enabled && next !== undefined && next <= now;
    });
    const guests = mayBeDue.length > 0 ? await directory.look(FRESH_MS, signal) : directory.guests;
    const before = new Map(this.#decidedUntil);
    const records = await this.#drillRecords(mayBeDue, guests);
    const state = { decidedUntil: before, queued: ledger.queued, guests, drillRecords: records };
    const decision = dueRuns(schedules, state, now);
    const runs = [
      ...decision.due.map((due) => dueRun(randomUUID(), due)),
      ...decision.missed.map((run) => missedRun(randomUUID(), run, now)),
    ];
    const isNew = schedules.some(({ schedule }) => !before.has(schedule.name));
    this.#decidedUntil.clear();
    for (const [name, until] of decision.decidedUntil) this.#decidedUntil.set(name, until);
    const nowMs = clock.monotonicMs();
    if (runs.length > 0 || isNew || nowMs - this.#writtenMs >= ALIVE_MS) {
      this.#writtenMs = nowMs;
      await ledger.decided(this.#decidedUntil, runs);
    }
    await news.decided(schedules, runs, { since: before, now, guests });
  }

  async #startWhatMay(signal: AbortSignal): Promise<void> {
    this.#waiting.clear();
    await this.#startBackups(signal);
    if (!signal.aborted) await this.#wait(await this.#drills.startWhatMay(signal));
  }

  async #startBackups(signal: AbortSignal): Promise<void> {
    const { ledger, directory } = this.#options;
    if (!ledger.queued.some(isBackup)) return;
    let starts = await this.#startsNow(signal);
    if (starts.start.length > 0) {
      const before = directory.guests;
      const fresh = await directory.look(FRESH_MS, signal);
      if (fresh !== before) starts = await this.#startsNow(signal);
    }
    await this.#wait(starts.waiting.map(({ run, because }) => ({ run: run.of, because })));
    for (const { of: run } of starts.start) {
      if (signal.aborted) return;
      await this.#begin(run);
    }
  }

  async #wait(waiting: readonly { run: ScheduleRun; because: Waiting }[]): Promise<void> {
    for (const { run, because } of waiting) {
      if (because === 'schedule-gone') await this.#drop(run, 'the schedule was deleted');
      else if (because === 'schedule-disabled') await this.#drop(run, 'the schedule was disabled');
      else this.#waiting.set(run.id, because);
    }
  }

  async #startsNow(signal: AbortSignal): Promise<Starts<Candidate>> {
    const { book, ledger, operations, placements, clock } = this.#options;
    const running = operations.running();
    const backups = running.filter(({ kind }) => kind === 'backup');
    const limitsStorages = book.schedules.some(
      ({ schedule }) => schedule.concurrency.perStorage !== undefined,
    );
    const busy = await Promise.all(
      backups.map((operation) => {
        const run = ledger.started.find(({ operationId }) => operationId === operation.id);
        return placements.ofBackup(operation, run, this.#scheduleOf(run), limitsStorages, signal);
      }),
    );
    const candidates: Candidate[] = [];
    for (const run of ledger.queued.filter(isBackup)) {
      const otherwise = this.#whyOtherwise(run, backups);
      if (otherwise !== undefined) {
        this.#waiting.set(run.id, otherwise);
        continue;
      }
      const { schedule, dueAt, cause } = run;
      const placement = await placements.ofRun(run, this.#scheduleOf(run), signal);
      candidates.push({ ...placement, schedule, dueAt, cause, of: run });
    }
    return nextToStart(candidates, busy, book.schedules, clock.now());
  }

  /** What keeps a run from beginning, and is nothing between backups. */
  #whyOtherwise({ vmid }: ScheduleRun, backups: readonly Operation[]): Waiting | undefined {
    const { operations, agents, clock } = this.#options;
    const isBackedUp = backups.some((operation) => operation.vmid === vmid);
    if (operations.isBusy(vmid) && !isBackedUp) return 'guest-busy';
    const isEarly = clock.monotonicMs() - this.#openedMs < AGENTS_MS;
    return isEarly && agents.presence(vmid) === 'not-connected' ? 'agent-away' : undefined;
  }

  async #begin(run: ScheduleRun): Promise<void> {
    const { ledger, operations, log } = this.#options;
    const schedule = this.#scheduleOf(run);
    if (schedule === undefined) return; // deleted a moment ago: the next look drops it
    const operationId = randomUUID();
    await ledger.set({ ...run, state: 'started', message: null, operationId });
    try {
      await operations.backup(run.vmid, optionsOf(schedule), operationId);
    } catch (error) {
      await ledger.set(requeued(run, 'its backup could not begin'));
      // Somebody else was quicker: that is what the next look takes into account.
      if (TacetError.is(error, 'conflict')) return;
      log.error('a backup of a schedule could not begin', { schedule: run.schedule, vmid: run.vmid, error });
    }
  }

  async #settle(operation: Operation): Promise<void> {
    const { ledger } = this.#options;
    if (operation.kind === 'drill') this.#drills.ended(operation.id);
    const run = ledger.started.find(({ operationId }) => operationId === operation.id);
    if (run !== undefined) {
      await ledger.set(settled(run, operation, await this.#shownBy(operation)));
      await this.#giveUpWhatIsTooLate();
    }
    this.wake();
  }

  /** Of a drill; a store that cannot be read has nothing to add to how its operation ended. */
  async #shownBy({ id, kind }: Operation): Promise<Drill | undefined> {
    if (kind !== 'drill') return undefined;
    const { drills, log } = this.#options;
    try {
      return await drills.drills.ofOperation(id);
    } catch (error) {
      log.warn('what a drill has shown could not be read', { operationId: id, error });
      return undefined;
    }
  }

  /** Of schedules that drill; of one whose records cannot be read the guests have their turns by their VMIDs. */
  async #drillRecords(
    schedules: readonly CompiledSchedule[],
    guests: readonly SelectableGuest[],
  ): Promise<Map<string, Map<number, DrillRecord>>> {
    const { ledger, drills, log } = this.#options;
    const records = new Map<string, Map<number, DrillRecord>>();
    for (const { schedule } of schedules) {
      if (schedule.action !== 'drill') continue;
      try {
        const open = [...ledger.queued, ...ledger.started];
        records.set(schedule.name, await drillRecords(schedule.name, guests, open, drills));
      } catch (error) {
        log.error('what was drilled could not be read', { schedule: schedule.name, error });
      }
    }
    return records;
  }

  /** What had not begun before a downtime was missed like what became due in it. */
  async #giveUpWhatIsTooLate(): Promise<void> {
    if (!this.#wasDown) return;
    const { ledger, clock } = this.#options;
    const openedAt = clock.now() - (clock.monotonicMs() - this.#openedMs);
    for (const run of ledger.queued) {
      const isLate = run.cause === 'event' && openedAt - run.dueAt > DOWNTIME_MS;
      if (isLate && this.#scheduleOf(run)?.missed === 'skip') {
        await this.#drop(
          run,
          'it had not begun when the controller went down, and the schedule makes up for nothing',
        );
      }
    }
  }

  async #drop(run: ScheduleRun, message: string): Promise<void> {
    const { ledger, news, clock } = this.#options;
    const dropped = missed(run, message, clock.now());
    await ledger.set(dropped);
    await news.dropped(dropped);
  }

  #scheduleOf(run: ScheduleRun | undefined): Schedule | undefined {
    return run && this.#options.book.get(run.schedule)?.compiled.schedule;
  }
}

interface Candidate extends QueuedRun {
  readonly of: ScheduleRun;
}

function optionsOf({ storage, mode, whenNotQuiesced, maxHoldMs, retention }: Schedule): BackupOptions {
  return { storage, mode, whenNotQuiesced, maxHoldMs, retention };
}

function isBackup({ action }: ScheduleRun): boolean {
  return action === 'backup';
}
