import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Until then every backup was one that the controller had asked for. */
export const origin: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('backups')
      .addColumn('origin', 'text', (column) => column.notNull().defaultTo('controller'))
      .execute();
  },
};
