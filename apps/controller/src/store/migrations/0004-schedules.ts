import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Schedules, their runs, and the guests as they were last seen, so that one on a silent node is not forgotten. */
export const schedules: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('schedules')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('version', 'integer', (column) => column.notNull())
      .addColumn('spec', 'text', (column) => column.notNull())
      .addColumn('changed_at', 'integer', (column) => column.notNull())
      .addColumn('decided_until', 'integer')
      .execute();
    await db.schema
      .createTable('schedule_runs')
      .addColumn('sequence', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('id', 'text', (column) => column.notNull().unique())
      .addColumn('schedule', 'text', (column) => column.notNull())
      .addColumn('vmid', 'integer', (column) => column.notNull())
      .addColumn('cause', 'text', (column) => column.notNull())
      .addColumn('event_at', 'integer', (column) => column.notNull())
      .addColumn('due_at', 'integer', (column) => column.notNull())
      .addColumn('late', 'integer', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('message', 'text')
      .addColumn('operation_id', 'text')
      .addColumn('consistency', 'text')
      .addColumn('ended_at', 'integer')
      .execute();
    await db.schema
      .createIndex('schedule_runs_by_schedule')
      .on('schedule_runs')
      .columns(['schedule', 'due_at'])
      .execute();
    await db.schema.createIndex('schedule_runs_by_state').on('schedule_runs').column('state').execute();
    await db.schema
      .createTable('known_guests')
      .addColumn('vmid', 'integer', (column) => column.primaryKey())
      .addColumn('through', 'text', (column) => column.notNull())
      .addColumn('seen', 'text', (column) => column.notNull())
      .execute();
  },
};
