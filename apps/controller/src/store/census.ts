import { type Consistency, consistencySchema } from '@tacet/protocol';
import { type Kysely, sql } from 'kysely';
import type { GuestRow, Tables } from './schema.ts';

/** What is counted rather than looked at: no more of each row than that takes. */
export class Census {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async guests(): Promise<Pick<GuestRow, 'id' | 'vmid' | 'identity'>[]> {
    return await this.#db.selectFrom('guests').select(['id', 'vmid', 'identity']).execute();
  }

  /** Of each guest the newest backup of each consistency. Reads every backup: for once, at a start. */
  async newestBackups(): Promise<{ vmid: number; consistency: Consistency; finishedAt: number }[]> {
    const consistency = sql<string>`json_extract(verdict, '$.consistency')`;
    const rows = await this.#db
      .selectFrom('backups')
      .select(({ fn }) => ['vmid', consistency.as('consistency'), fn.max('finished_at').as('finished_at')])
      .groupBy(['vmid', consistency])
      .execute();
    return rows.map((row) => ({
      vmid: row.vmid,
      consistency: consistencySchema.parse(row.consistency),
      finishedAt: row.finished_at,
    }));
  }
}
