import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What a restore in place restores, and whether a guest ran before it was stopped for a rollback. */
export const beforeRestores: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('operations').addColumn('wanted_backup_id', 'text').execute();
    await db.schema.alterTable('node_requests').addColumn('was_running', 'integer').execute();
  },
};
