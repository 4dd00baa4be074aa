import type { Kysely, Transaction } from 'kysely';
import type { NotificationIncidentRow, Tables } from './schema.ts';

/** Something that is wrong with a guest until it is over. */
export interface Incident {
  readonly kind: string;
  readonly vmid: number;
  readonly since: number;
  /** False while it has to last first. */
  readonly told: boolean;
}

export type IncidentKey = Pick<Incident, 'kind' | 'vmid'>;

/** What came of a look at the events, or at the guests. */
export interface NewsChange {
  /** Of the last event that was looked at. */
  readonly cursor?: number;
  /** For whom; already as text. */
  readonly notices: readonly { readonly channel: string; readonly at: number; readonly notice: string }[];
  readonly opened: readonly Incident[];
  readonly closed: readonly IncidentKey[];
}

/** Up to where events have been looked at, and what is wrong by then. */
export class NotificationNews {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Undefined where nobody has looked yet. */
  async cursor(): Promise<number | undefined> {
    const row = await this.#db.selectFrom('notification_cursor').select('sequence').executeTakeFirst();
    return row?.sequence;
  }

  async incidents(): Promise<Incident[]> {
    const rows = await this.#db.selectFrom('notification_incidents').selectAll().execute();
    return rows.map(({ told, ...row }) => ({ ...row, told: told === 1 }));
  }

  /** All of it or nothing: no event is told twice, or left out, wherever the controller was stopped. */
  async commit({ cursor, notices, opened, closed }: NewsChange): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      for (const { kind, vmid } of closed) {
        await db
          .deleteFrom('notification_incidents')
          .where('kind', '=', kind)
          .where('vmid', '=', vmid)
          .execute();
      }
      for (const incident of opened) await open(db, incident);
      for (const row of notices) await insertWhereKnown(db, row);
      if (cursor === undefined) return;
      await db.deleteFrom('notification_cursor').execute();
      await db.insertInto('notification_cursor').values({ sequence: cursor }).execute();
    });
  }

  /** What had not lasted long enough when a controller before this one was stopped begins anew. */
  async forgetUntold(): Promise<void> {
    await this.#db.deleteFrom('notification_incidents').where('told', '=', 0).execute();
  }

  /** Since when each enrolled guest has been known, by VMID. */
  async knownSince(): Promise<Map<number, number>> {
    const rows = await this.#db
      .selectFrom('guests')
      .select(['vmid', 'created_at'])
      .where('identity', '=', 'enrolled')
      .where('vmid', 'is not', null)
      .execute();
    return new Map(rows.flatMap(({ vmid, created_at }) => (vmid === null ? [] : [[vmid, created_at]])));
  }

  /** When the newest backup of each guest was finished, by VMID. */
  async newestBackups(): Promise<Map<number, number>> {
    const rows = await this.#db
      .selectFrom('backups')
      .select((select) => ['vmid', select.fn.max('finished_at').as('at')])
      .groupBy('vmid')
      .execute();
    return new Map(rows.map(({ vmid, at }) => [vmid, at]));
  }

  /** The schedule that an operation's backup was a run of. */
  async scheduleOf(operationId: string): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom('schedule_runs')
      .select('schedule')
      .where('operation_id', '=', operationId)
      .executeTakeFirst();
    return row?.schedule;
  }
}

async function open(db: Transaction<Tables>, { kind, vmid, since, told }: Incident): Promise<void> {
  const values: Pick<NotificationIncidentRow, 'since' | 'told'> = { since, told: told ? 1 : 0 };
  await db
    .insertInto('notification_incidents')
    .values({ kind, vmid, ...values })
    .onConflict((conflict) => conflict.columns(['kind', 'vmid']).doUpdateSet(values))
    .execute();
}

/** A channel that was deleted meanwhile gets nothing, and keeps nobody else from it. */
async function insertWhereKnown(
  db: Transaction<Tables>,
  row: { readonly channel: string; readonly at: number; readonly notice: string },
): Promise<void> {
  const known = await db
    .selectFrom('notification_channels')
    .select('name')
    .where('name', '=', row.channel)
    .executeTakeFirst();
  if (known !== undefined) await db.insertInto('notification_notices').values(row).execute();
}
