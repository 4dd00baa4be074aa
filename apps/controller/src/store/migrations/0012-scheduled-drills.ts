import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What the schedule did when a run became due. */
export const scheduledDrills: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('schedule_runs')
      .addColumn('action', 'text', (column) => column.notNull().defaultTo('backup'))
      .execute();
  },
};
