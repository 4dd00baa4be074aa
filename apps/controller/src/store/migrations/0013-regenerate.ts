import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What a copy that is adopted makes anew, so as not to share it with its original. */
export const regenerate: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('guests').addColumn('regenerate', 'text').execute();
    await db.schema.alterTable('restore_orders').addColumn('regenerate', 'text').execute();
  },
};
