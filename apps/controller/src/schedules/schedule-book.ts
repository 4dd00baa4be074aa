import { type CompiledSchedule, compileSchedule, ScheduleError } from '@tacet/core';
import type { Schedule } from '@tacet/protocol';
import { type Clock, ExclusiveRunner, type Logger } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { Schedules } from '../store/schedules.ts';

export interface Entry {
  readonly compiled: CompiledSchedule;
  readonly version: number;
  readonly changedAt: number;
}

/** What a change expects to find: this version, nothing, or (undefined) whatever is there. */
export type Expected = number | 'nothing' | undefined;

interface BookOptions {
  readonly store: Schedules;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The schedules, as the store has them. */
export class ScheduleBook {
  readonly #options: BookOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #changes = new ExclusiveRunner();
  /** Up to when a controller before this one had decided, by the name of the schedule. */
  readonly decidedBefore = new Map<string, number>();

  private constructor(options: BookOptions) {
    this.#options = options;
  }

  static async open(options: BookOptions): Promise<ScheduleBook> {
    const { store, log } = options;
    const book = new ScheduleBook(options);
    const leaveOut = (name: string, error: unknown): void =>
      log.error('a schedule cannot be read, and does not run: put it again', { schedule: name, error });
    for (const { schedule, decidedUntil, ...entry } of await store.list(leaveOut)) {
      try {
        book.#entries.set(schedule.name, { ...entry, compiled: compileSchedule(schedule) });
        if (decidedUntil !== undefined) book.decidedBefore.set(schedule.name, decidedUntil);
      } catch (error) {
        leaveOut(schedule.name, error);
      }
    }
    return book;
  }

  /** By name. */
  get entries(): Entry[] {
    return [...this.#entries.values()].toSorted((a, b) =>
      a.compiled.schedule.name < b.compiled.schedule.name ? -1 : 1,
    );
  }

  get schedules(): CompiledSchedule[] {
    return this.entries.map(({ compiled }) => compiled);
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** @throws Failure `not-found` */
  require(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new Failure('not-found', `no schedule is called "${name}"`, {
      hint: 'tacet schedule list shows those that there are.',
    });
  }

  /** @throws Failure `invalid-input` naming everything that is wrong, `conflict` for what was not expected */
  async put(schedule: Schedule, expected: Expected): Promise<Entry> {
    const { store, clock } = this.#options;
    const compiled = compile(schedule);
    const { name } = schedule;
    return await this.#changes.run(name, async () => {
      const before = this.#requireExpected(name, expected);
      const version = (before?.version ?? 0) + 1;
      const entry = { compiled, version, changedAt: clock.now() };
      await store.put({ schedule, version, changedAt: entry.changedAt });
      this.#entries.set(name, entry);
      return entry;
    });
  }

  /** @throws Failure as {@link put} and {@link require} */
  async delete(name: string, expected: Expected): Promise<void> {
    await this.#changes.run(name, async () => {
      this.require(name);
      this.#requireExpected(name, expected);
      await this.#options.store.delete(name);
      this.#entries.delete(name);
    });
  }

  #requireExpected(name: string, expected: Expected): Entry | undefined {
    const entry = this.#entries.get(name);
    if (expected === undefined || expected === (entry?.version ?? 'nothing')) return entry;
    const found = entry === undefined ? 'there is none' : `it is at version ${entry.version}`;
    throw new Failure('conflict', `the schedule "${name}" is not what was expected: ${found}`, {
      hint: 'Somebody else has changed it. Look at it again, then repeat your change.',
    });
  }
}

function compile(schedule: Schedule): CompiledSchedule {
  try {
    return compileSchedule(schedule);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    throw new Failure('invalid-input', error.message, {
      hint: 'docs/reference/calendar-events.md explains events; a time zone is written as Europe/Berlin.',
    });
  }
}
