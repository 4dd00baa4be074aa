import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const first: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('guests')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('vmid', 'integer')
      .addColumn('identity', 'text', (column) =>
        column.notNull().check(sql`identity in ('enrolled', 'quarantined')`),
      )
      .addColumn('credential_hash', 'text', (column) => column.unique())
      .addColumn('origin_guest_id', 'text')
      .addColumn('copy_key', 'text')
      .addColumn('agent_version', 'text')
      .addColumn('incarnation', 'text')
      .addColumn('status', 'text')
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .addColumn('last_seen_at', 'integer')
      .execute();
    // Two guests never share a VMID; copies that nobody ordered may claim what they like.
    await db.schema
      .createIndex('guests_enrolled_vmid')
      .unique()
      .on('guests')
      .column('vmid')
      .where(sql.ref('identity'), '=', sql.lit('enrolled'))
      .execute();
    await db.schema
      .createIndex('guests_copies')
      .unique()
      .on('guests')
      .columns(['origin_guest_id', 'copy_key'])
      .where(sql.ref('identity'), '=', sql.lit('quarantined'))
      .execute();

    await db.schema
      .createTable('enrolments')
      .addColumn('secret_hash', 'text', (column) => column.primaryKey())
      .addColumn('vmid', 'integer', (column) => column.notNull())
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .addColumn('expires_at', 'integer', (column) => column.notNull())
      .addColumn('used_at', 'integer')
      .execute();

    await db.schema
      .createTable('operations')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('vmid', 'integer', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('started_at', 'integer', (column) => column.notNull())
      .addColumn('finished_at', 'integer')
      .addColumn('restored_to', 'integer')
      .addColumn('quiesce_id', 'text')
      .addColumn('error', 'text')
      .execute();
    await db.schema
      .createIndex('operations_newest')
      .on('operations')
      .columns(['vmid', 'started_at'])
      .execute();
    await db.schema
      .createTable('operation_steps')
      .addColumn('operation_id', 'text', (column) =>
        column.notNull().references('operations.id').onDelete('cascade'),
      )
      .addColumn('position', 'integer', (column) => column.notNull())
      .addColumn('at', 'integer', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('message', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('operation_steps_key', ['operation_id', 'position'])
      .execute();

    await db.schema
      .createTable('backups')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('operation_id', 'text', (column) => column.notNull().references('operations.id'))
      .addColumn('vmid', 'integer', (column) => column.notNull())
      .addColumn('node', 'text', (column) => column.notNull())
      .addColumn('storage', 'text', (column) => column.notNull())
      .addColumn('volid', 'text', (column) => column.notNull())
      .addColumn('size_bytes', 'integer')
      .addColumn('started_at', 'integer', (column) => column.notNull())
      .addColumn('finished_at', 'integer', (column) => column.notNull())
      .addColumn('verdict', 'text', (column) => column.notNull())
      .execute();
    await db.schema.createIndex('backups_newest').on('backups').columns(['vmid', 'finished_at']).execute();

    await db.schema
      .createTable('restore_orders')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('operation_id', 'text', (column) => column.notNull().references('operations.id'))
      .addColumn('source_vmid', 'integer', (column) => column.notNull())
      .addColumn('target_vmid', 'integer', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('guest_id', 'text', (column) => column.references('guests.id').onDelete('set null'))
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .addColumn('expires_at', 'integer', (column) => column.notNull())
      .execute();

    await db.schema
      .createTable('events')
      .addColumn('sequence', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('at', 'integer', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('message', 'text', (column) => column.notNull())
      .addColumn('data', 'text', (column) => column.notNull())
      .addColumn('guest_id', 'text')
      .addColumn('vmid', 'integer')
      .execute();

    // An agent repeats what was not acknowledged; the same words at the same instant are the same event.
    await db.schema
      .createIndex('events_once')
      .unique()
      .on('events')
      .columns(['guest_id', 'at', 'type', 'message'])
      .where('guest_id', 'is not', null)
      .execute();

    await db.schema
      .createTable('api_tokens')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('hash', 'text', (column) => column.notNull())
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .execute();
  },
};
