import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Channels, what is to be sent through them, and what was told already. */
export const notifications: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('notification_channels')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('version', 'integer', (column) => column.notNull())
      .addColumn('changed_at', 'integer', (column) => column.notNull())
      .addColumn('spec', 'text', (column) => column.notNull())
      .addColumn('secrets', 'text', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('notification_notices')
      .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('channel', 'text', (column) =>
        column.notNull().references('notification_channels.name').onDelete('cascade'),
      )
      .addColumn('at', 'integer', (column) => column.notNull())
      .addColumn('notice', 'text', (column) => column.notNull())
      .execute();
    await db.schema
      .createIndex('notification_notices_channel')
      .on('notification_notices')
      .column('channel')
      .execute();
    await db.schema
      .createTable('notification_deliveries')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('channel', 'text', (column) =>
        column.notNull().references('notification_channels.name').onDelete('cascade'),
      )
      .addColumn('message', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('tried_at', 'integer')
      .addColumn('next_at', 'integer')
      .addColumn('error', 'text')
      .execute();
    await db.schema
      .createIndex('notification_deliveries_newest')
      .on('notification_deliveries')
      .columns(['channel', 'created_at'])
      .execute();
    await db.schema
      .createTable('notification_incidents')
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('vmid', 'integer', (column) => column.notNull())
      .addColumn('since', 'integer', (column) => column.notNull())
      .addColumn('told', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('notification_incidents_key', ['kind', 'vmid'])
      .execute();
    await db.schema
      .createTable('notification_cursor')
      .addColumn('sequence', 'integer', (column) => column.notNull())
      .execute();
  },
};
