import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** By slot: the last report, and the last about all guests. */
export const doctor: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('doctor_reports')
      .addColumn('slot', 'text', (column) => column.primaryKey())
      .addColumn('finished_at', 'integer', (column) => column.notNull())
      .addColumn('report', 'text', (column) => column.notNull())
      .execute();
  },
};
