import { type Schedule, scheduleSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { type OnUnreadable, readableRows } from './readable-rows.ts';
import type { ScheduleRow, Tables } from './schema.ts';

export interface StoredSchedule {
  readonly schedule: Schedule;
  readonly version: number;
  readonly changedAt: number;
  /** Everything that was due up to then is decided; undefined for a new one. */
  readonly decidedUntil: number | undefined;
}

export class Schedules {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** By name. What cannot be read, as from another version, goes to `onUnreadable`. */
  async list(onUnreadable: OnUnreadable): Promise<StoredSchedule[]> {
    const rows = await this.#db.selectFrom('schedules').selectAll().orderBy('name').execute();
    return readableRows(rows, ({ name }) => name, read, onUnreadable);
  }

  async put({ schedule, version, changedAt }: Omit<StoredSchedule, 'decidedUntil'>): Promise<void> {
    const values = { version, spec: JSON.stringify(schedule), changed_at: changedAt };
    await this.#db
      .insertInto('schedules')
      .values({ name: schedule.name, ...values, decided_until: null })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
      .execute();
  }

  async delete(name: string): Promise<void> {
    await this.#db.deleteFrom('schedules').where('name', '=', name).execute();
  }
}

function read({ spec, version, changed_at, decided_until }: ScheduleRow): StoredSchedule {
  return {
    schedule: scheduleSchema.parse(JSON.parse(spec)),
    version,
    changedAt: changed_at,
    decidedUntil: decided_until ?? undefined,
  };
}
