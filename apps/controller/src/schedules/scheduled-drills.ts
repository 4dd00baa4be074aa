import { randomUUID } from 'node:crypto';
import { nextToStart, type Placement, type QueuedRun, type RunningBackup } from '@tacet/core';
import type { Backup, ScheduleRun } from '@tacet/protocol';
import { UnreachableError } from '@tacet/proxmox';
import { type Clock, describeError, type Logger, TacetError } from '@tacet/runtime';
import type { Operations } from '../jobs/operations.ts';
import { UnreadableRow } from '../store/readable-rows.ts';
import type { DrillSources } from './drill-records.ts';
import type { GuestDirectory } from './guest-directory.ts';
import type { Placements } from './placements.ts';
import type { RunLedger } from './run-ledger.ts';
import type { ScheduleBook } from './schedule-book.ts';
import type { ScheduleNews } from './schedule-news.ts';
import { missed, requeued } from './settle-run.ts';
import type { Waiting } from './waiting.ts';

export interface ScheduledDrillsOptions {
  readonly book: ScheduleBook;
  readonly ledger: RunLedger;
  readonly directory: GuestDirectory;
  readonly placements: Placements;
  readonly news: ScheduleNews;
  readonly operations: Pick<Operations, 'drill' | 'running'>;
  readonly drills: DrillSources;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a drill may wait for a place, from the first time that there was none. */
export const PATIENCE_MS = 6 * 3_600_000;
const RETRY_BASE_MS = 30_000;
const RETRY_CAP_MS = 10 * 60_000;

interface Refusals {
  readonly sinceMs: number;
  readonly count: number;
  readonly nextMs: number;
}

interface Candidate extends QueuedRun {
  readonly of: ScheduleRun;
  readonly backup: Backup | undefined;
}

/**
 * Begins the drills of schedules, as many at a time on a node as they say. They are counted apart from backups, and
 * nothing waits for them: a drill that takes its time delays no backup.
 */
export class ScheduledDrills {
  readonly #options: ScheduledDrillsOptions;
  /** By the id of the run. */
  readonly #refusals = new Map<string, Refusals>();
  /** By the id of the operation, from before it is one. */
  readonly #places = new Map<string, RunningBackup>();
  readonly #beginning = new Set<Promise<void>>();

  constructor(options: ScheduledDrillsOptions) {
    this.#options = options;
  }

  /** @returns the runs that wait. @throws what the store throws */
  async startWhatMay(signal: AbortSignal): Promise<{ run: ScheduleRun; because: Waiting }[]> {
    const { book, clock, drills, ledger } = this.#options;
    const queued = ledger.queued.filter(({ action }) => action === 'drill');
    this.#forgetWhoIsGone();
    if (queued.length === 0) return [];
    const waiting: { run: ScheduleRun; because: Waiting }[] = [];
    const candidates: Candidate[] = [];
    for (const run of queued) {
      if ((this.#refusals.get(run.id)?.nextMs ?? 0) > clock.monotonicMs()) continue;
      let backup: Backup | undefined;
      try {
        backup = await drills.backups.newestToRestore(run.vmid);
      } catch (error) {
        if (!(error instanceof UnreadableRow)) throw error;
        await this.#leaveOut(run, error.message); // that was its turn: the others have theirs
        continue;
      }
      const { schedule, dueAt, cause } = run;
      candidates.push({ ...this.#placeOf(run.vmid, backup), schedule, dueAt, cause, of: run, backup });
    }
    const starts = nextToStart(candidates, await this.#underWay(signal), book.schedules, clock.now());
    for (const { run, because } of starts.waiting) waiting.push({ run: run.of, because });
    for (const candidate of starts.start) {
      const beginning = this.#begin(candidate, signal).finally(() => this.#beginning.delete(beginning));
      this.#beginning.add(beginning);
    }
    return waiting;
  }

  /** A place is free again: what had none may try at once. */
  ended(operationId: string): void {
    this.#places.delete(operationId);
    for (const [id, refusals] of this.#refusals) this.#refusals.set(id, { ...refusals, nextMs: 0 });
  }

  /** Resolves when nothing begins any more. */
  async drained(): Promise<void> {
    await Promise.all(this.#beginning);
  }

  /** A run that was dropped has no patience left to count. */
  #forgetWhoIsGone(): void {
    const { ledger } = this.#options;
    const open = new Set([...ledger.queued, ...ledger.started].map(({ id }) => id));
    for (const id of this.#refusals.keys()) if (!open.has(id)) this.#refusals.delete(id);
  }

  #placeOf(vmid: number, backup: Backup | undefined): Placement {
    const node = backup?.node ?? this.#options.directory.get(vmid)?.node ?? `nowhere-${vmid}`;
    return { vmid, node, storage: '', storageIsShared: false };
  }

  async #underWay(signal: AbortSignal): Promise<RunningBackup[]> {
    const { ledger, operations, placements } = this.#options;
    const others = operations
      .running()
      .filter(({ id, kind }) => kind === 'drill' && !this.#places.has(id))
      .map(async (operation) => {
        const run = ledger.started.find(({ operationId }) => operationId === operation.id);
        return await placements.ofBackup(operation, run, undefined, false, signal);
      });
    return [...this.#places.values(), ...(await Promise.all(others))];
  }

  /** Never rejects. */
  async #begin({ of: run, backup, vmid, node }: Candidate, signal: AbortSignal): Promise<void> {
    const { ledger, operations } = this.#options;
    const operationId = randomUUID();
    this.#places.set(operationId, { ...this.#placeOf(vmid, backup), node, schedule: run.schedule });
    await ledger.set({ ...run, state: 'started', message: null, operationId });
    try {
      if (backup === undefined) await this.#leaveOut(run, 'there is no backup of it to drill');
      else {
        await operations.drill(backup, signal, operationId);
        this.#refusals.delete(run.id);
        return;
      }
    } catch (error) {
      await this.#refused(run, error, signal);
    }
    this.#places.delete(operationId);
  }

  async #refused(run: ScheduleRun, error: unknown, signal: AbortSignal): Promise<void> {
    const { ledger, clock, log } = this.#options;
    if (signal.aborted)
      return await ledger.set(requeued(run, 'the controller was stopped before it had begun'));
    const why = describeError(error);
    const nowMs = clock.monotonicMs();
    const { sinceMs, count } = this.#refusals.get(run.id) ?? { sinceMs: nowMs, count: 0 };
    const mayPass = error instanceof UnreachableError || (error instanceof TacetError && error.retryable);
    if (!(error instanceof TacetError) && !mayPass)
      log.error('a drill of a schedule could not begin', { schedule: run.schedule, vmid: run.vmid, error });
    if (!mayPass) return await this.#leaveOut(run, why);
    if (nowMs - sinceMs >= PATIENCE_MS)
      return await this.#leaveOut(
        run,
        `in ${PATIENCE_MS / 3_600_000} hours there was no place for it: ${why}`,
      );
    const nextMs = nowMs + Math.min(RETRY_BASE_MS * 2 ** count, RETRY_CAP_MS);
    this.#refusals.set(run.id, { sinceMs, count: count + 1, nextMs });
    await ledger.set(requeued(run, `waits for a place: ${why}`));
  }

  async #leaveOut(run: ScheduleRun, message: string): Promise<void> {
    const { ledger, news, clock } = this.#options;
    this.#refusals.delete(run.id);
    const dropped = missed(run, message, clock.now());
    await ledger.set(dropped);
    await news.dropped(dropped);
  }
}
