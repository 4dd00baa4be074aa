import type { ScheduleRun } from '@tacet/protocol';
import type { Logger } from '@tacet/runtime';
import type { ScheduleRuns } from '../store/schedule-runs.ts';

/**
 * The runs that wait or are under way, and the record of all. What the store does not take (its disk is full) is
 * remembered here and written with the next: backups go on without a disk.
 */
export class RunLedger {
  readonly #store: ScheduleRuns;
  readonly #log: Logger;
  readonly #open = new Map<string, ScheduleRun>();
  readonly #unwritten = new Map<string, ScheduleRun>();

  private constructor(store: ScheduleRuns, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  static async open(store: ScheduleRuns, log: Logger): Promise<RunLedger> {
    const ledger = new RunLedger(store, log);
    for (const run of await store.open()) ledger.#open.set(run.id, run);
    return ledger;
  }

  get queued(): ScheduleRun[] {
    return [...this.#open.values()].filter(({ state }) => state === 'queued');
  }

  get started(): ScheduleRun[] {
    return [...this.#open.values()].filter(({ state }) => state === 'started');
  }

  /** Newest first. */
  async of(schedule: string, limit: number): Promise<ScheduleRun[]> {
    const stored = await this.#store.of(schedule, limit);
    return stored.map((run) => this.#unwritten.get(run.id) ?? run);
  }

  /** Of each guest in each schedule the newest backup that was due. */
  async lastOfEach(): Promise<ScheduleRun[]> {
    const stored = await this.#store.lastOfEach();
    return stored.map((run) => this.#unwritten.get(run.id) ?? run);
  }

  /** Takes in new runs, together with the time up to which everything is decided. Never rejects. */
  async decided(until: ReadonlyMap<string, number>, runs: readonly ScheduleRun[]): Promise<void> {
    this.#remember(runs);
    await this.#write(runs, (all) => this.#store.decided(until, all));
  }

  /** New runs, or what has become of some. Never rejects. */
  async set(...runs: ScheduleRun[]): Promise<void> {
    this.#remember(runs);
    await this.#write(runs, (all) => this.#store.save(all));
  }

  #remember(runs: readonly ScheduleRun[]): void {
    for (const run of runs) {
      if (run.state === 'queued' || run.state === 'started') this.#open.set(run.id, run);
      else this.#open.delete(run.id);
    }
  }

  async #write(
    runs: readonly ScheduleRun[],
    write: (all: readonly ScheduleRun[]) => Promise<void>,
  ): Promise<void> {
    for (const run of runs) this.#unwritten.set(run.id, run);
    const all = [...this.#unwritten.values()];
    try {
      await write(all);
      for (const run of all) if (this.#unwritten.get(run.id) === run) this.#unwritten.delete(run.id);
    } catch (error) {
      this.#log.error('what has become of runs could not be written down', { runs: all.length, error });
    }
  }
}
