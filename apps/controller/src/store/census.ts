import { type Consistency, consistencySchema } from '@tacet/protocol';
import { type Kysely, sql } from 'kysely';
import { type OnUnreadable, readableRows } from './readable-rows.ts';
import type { GuestRow, Tables } from './schema.ts';

/** What is counted rather than looked at: no more of each row than that takes. */
export class Census {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
  }

  async guests(): Promise<Pick<GuestRow, 'id' | 'vmid' | 'identity'>[]> {
    return await this.#db.selectFrom('guests').select(['id', 'vmid', 'identity']).execute();
  }

  /** Of each guest the newest backup of each consistency. Reads every backup: for once, at a start. */
  async newestBackups(): Promise<{ vmid: number; consistency: Consistency; finishedAt: number }[]> {
    // Of what is no JSON, too, SQLite would say so instead of answering for the others.
    const consistency = sql<
      string | null
    >`case when json_valid(verdict) then json_extract(verdict, '$.consistency') end`;
    const rows = await this.#db
      .selectFrom('backups')
      .select(({ fn }) => ['vmid', consistency.as('consistency'), fn.max('finished_at').as('finished_at')])
      .groupBy(['vmid', consistency])
      .execute();
    return readableRows(
      rows,
      ({ vmid }) => `a verdict of guest ${vmid}`,
      ({ vmid, consistency: told, finished_at: finishedAt }) => ({
        vmid,
        consistency: consistencySchema.parse(told),
        finishedAt,
      }),
      this.#onUnreadable,
    );
  }
}
