import { type ScheduleRun, scheduleRunSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { type OnUnreadable, readableRows } from './readable-rows.ts';
import type { ScheduleRunRow, Tables } from './schema.ts';

/** Older ones that have ended go as new ones come. */
export const KEPT_RUNS = 20_000;

export class ScheduleRuns {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
  }

  /** All or nothing: what is decided up to a time, and the runs that were decided by then. */
  async decided(until: ReadonlyMap<string, number>, runs: readonly ScheduleRun[]): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      for (const [name, at] of until) {
        await transaction
          .updateTable('schedules')
          .set({ decided_until: at })
          .where('name', '=', name)
          .execute();
      }
      await write(transaction, runs);
      if (runs.length === 0) return;
      const { newest } = await transaction
        .selectFrom('schedule_runs')
        .select((select) => select.fn.max('sequence').as('newest'))
        .executeTakeFirstOrThrow();
      await transaction
        .deleteFrom('schedule_runs')
        .where('state', 'not in', ['queued', 'started'])
        .where('sequence', '<=', newest - KEPT_RUNS)
        .execute();
    });
  }

  async save(runs: readonly ScheduleRun[]): Promise<void> {
    await this.#db.transaction().execute((transaction) => write(transaction, runs));
  }

  /** Those that wait or run, oldest first. */
  async open(): Promise<ScheduleRun[]> {
    const rows = await this.#db
      .selectFrom('schedule_runs')
      .selectAll()
      .where('state', 'in', ['queued', 'started'])
      .orderBy('sequence')
      .execute();
    return this.#readable(rows);
  }

  /** When guests last had a turn in a schedule that drills, and it came to nothing; by VMID. */
  async lastMissedDrills(schedule: string): Promise<Map<number, number>> {
    const rows = await this.#db
      .selectFrom('schedule_runs')
      .select(['vmid', (select) => select.fn.max('ended_at').as('at')])
      .where('schedule', '=', schedule)
      .where('action', '=', 'drill')
      .where('state', '=', 'missed')
      .groupBy('vmid')
      .execute();
    return new Map(rows.map(({ vmid, at }) => [vmid, at ?? 0]));
  }

  /** Of each guest in each schedule the newest backup that was due. */
  async lastOfEach(): Promise<ScheduleRun[]> {
    const newest = this.#db
      .selectFrom('schedule_runs')
      .select((select) => select.fn.max('sequence').as('newest'))
      .where('action', '=', 'backup')
      .groupBy(['schedule', 'vmid']);
    const rows = await this.#db
      .selectFrom('schedule_runs')
      .selectAll()
      .where('sequence', 'in', newest)
      .execute();
    return this.#readable(rows);
  }

  /** Newest first. */
  async of(schedule: string, limit: number): Promise<ScheduleRun[]> {
    const rows = await this.#db
      .selectFrom('schedule_runs')
      .selectAll()
      .where('schedule', '=', schedule)
      .orderBy('due_at', 'desc')
      .orderBy('sequence', 'desc')
      .limit(limit)
      .execute();
    return this.#readable(rows);
  }

  #readable(rows: readonly StoredRun[]): ScheduleRun[] {
    return readableRows(rows, nameOf, read, this.#onUnreadable);
  }
}

type StoredRun = Omit<ScheduleRunRow, 'sequence'>;

function nameOf({ id, schedule, vmid }: StoredRun): string {
  return `the run ${id} of guest ${vmid} in the schedule ${schedule}`;
}

async function write(db: Kysely<Tables>, runs: readonly ScheduleRun[]): Promise<void> {
  for (const run of runs) {
    const { cause, state, message } = run;
    const changing = {
      cause,
      state,
      message,
      operation_id: run.operationId,
      consistency: run.consistency,
      ended_at: run.endedAt,
    };
    await db
      .insertInto('schedule_runs')
      .values({
        id: run.id,
        schedule: run.schedule,
        vmid: run.vmid,
        action: run.action,
        event_at: run.eventAt,
        due_at: run.dueAt,
        late: run.late ? 1 : 0,
        ...changing,
      })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(changing))
      .execute();
  }
}

function read(row: StoredRun): ScheduleRun {
  return scheduleRunSchema.parse({
    id: row.id,
    schedule: row.schedule,
    vmid: row.vmid,
    action: row.action,
    cause: row.cause,
    eventAt: row.event_at,
    dueAt: row.due_at,
    late: row.late === 1,
    state: row.state,
    message: row.message,
    operationId: row.operation_id,
    consistency: row.consistency,
    endedAt: row.ended_at,
  });
}
