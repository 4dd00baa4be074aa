import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What was asked of nodes, so that a controller that comes back can find what has come of it. */
export const nodeRequests: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('node_requests')
      .addColumn('operation_id', 'text', (column) =>
        column.notNull().references('operations.id').onDelete('cascade'),
      )
      .addColumn('position', 'integer', (column) => column.notNull())
      .addColumn('what', 'text', (column) => column.notNull())
      .addColumn('node', 'text', (column) => column.notNull())
      .addColumn('vmid', 'integer', (column) => column.notNull())
      .addColumn('storage', 'text', (column) => column.notNull())
      .addColumn('volid', 'text')
      .addColumn('asked_at', 'integer', (column) => column.notNull())
      .addColumn('known', 'text')
      .addColumn('upid', 'text')
      .addColumn('seen', 'text')
      .addPrimaryKeyConstraint('node_requests_key', ['operation_id', 'position'])
      .execute();
  },
};
