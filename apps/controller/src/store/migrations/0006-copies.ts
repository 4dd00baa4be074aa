import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Copies that somebody has turned away: they are gone from the list of guests, and must stay gone. */
export const copies: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('dismissed_copies')
      .addColumn('origin_guest_id', 'text', (column) =>
        column.notNull().references('guests.id').onDelete('cascade'),
      )
      .addColumn('copy', 'text', (column) => column.notNull())
      .addColumn('dismissed_at', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('dismissed_copies_key', ['origin_guest_id', 'copy'])
      .execute();
    await db.schema.createIndex('guests_origin').on('guests').column('origin_guest_id').execute();
  },
};
