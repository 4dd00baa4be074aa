import { type CompiledSchedule, compileSchedule, ScheduleError } from '@tacet/core';
import type { Schedule } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { Schedules } from '../store/schedules.ts';
import { type Expected, VersionedEntries } from '../versioned-entries.ts';

export interface Entry {
  readonly compiled: CompiledSchedule;
  readonly version: number;
  readonly changedAt: number;
}

interface BookOptions {
  readonly store: Schedules;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The schedules, as the store has them. */
export class ScheduleBook {
  readonly #options: BookOptions;
  readonly #named = new VersionedEntries<Entry>({ one: 'schedule', command: 'tacet schedule list' });
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
        book.#named.found(schedule.name, { ...entry, compiled: compileSchedule(schedule) });
        if (decidedUntil !== undefined) book.decidedBefore.set(schedule.name, decidedUntil);
      } catch (error) {
        leaveOut(schedule.name, error);
      }
    }
    return book;
  }

  /** By name. */
  get entries(): Entry[] {
    return this.#named.all;
  }

  get schedules(): CompiledSchedule[] {
    return this.entries.map(({ compiled }) => compiled);
  }

  get(name: string): Entry | undefined {
    return this.#named.get(name);
  }

  /** @throws Failure `not-found` */
  require(name: string): Entry {
    return this.#named.require(name);
  }

  /** @throws Failure `invalid-input` naming everything that is wrong, `conflict` for what was not expected */
  async put(schedule: Schedule, expected: Expected): Promise<Entry> {
    const { store, clock } = this.#options;
    const compiled = compile(schedule);
    return await this.#named.put(schedule.name, expected, async (version) => {
      const changedAt = clock.now();
      await store.put({ schedule, version, changedAt });
      return { compiled, version, changedAt };
    });
  }

  /** @throws Failure as {@link put} and {@link require} */
  async delete(name: string, expected: Expected): Promise<void> {
    await this.#named.delete(name, expected, () => this.#options.store.delete(name));
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
