import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const snapshotsAndDrills: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('snapshots')
      .addColumn('operation_id', 'text', (column) => column.primaryKey().references('operations.id'))
      .addColumn('vmid', 'integer', (column) => column.notNull())
      .addColumn('node', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('before', 'text', (column) => column.notNull())
      .addColumn('taken_at', 'integer', (column) => column.notNull())
      .addColumn('verdict', 'text', (column) => column.notNull())
      .execute();
    await db.schema.createIndex('snapshots_newest').on('snapshots').columns(['vmid', 'taken_at']).execute();
    await db.schema
      .createTable('drills')
      .addColumn('operation_id', 'text', (column) => column.primaryKey().references('operations.id'))
      .addColumn('backup_id', 'text', (column) => column.notNull().references('backups.id'))
      .addColumn('vmid', 'integer', (column) => column.notNull())
      .addColumn('node', 'text', (column) => column.notNull())
      .addColumn('scratch_vmid', 'integer', (column) => column.notNull())
      .addColumn('started_at', 'integer', (column) => column.notNull())
      .addColumn('finished_at', 'integer')
      .addColumn('outcome', 'text')
      .addColumn('ready_after_ms', 'integer')
      .addColumn('message', 'text', (column) => column.notNull())
      .execute();
    await db.schema.createIndex('drills_newest').on('drills').columns(['backup_id', 'finished_at']).execute();
  },
};
