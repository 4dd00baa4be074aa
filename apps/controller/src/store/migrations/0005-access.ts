import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Accounts, the browsers that are signed in, tokens with a role and an end, and who did what. */
export const access: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('accounts')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('role', 'text', (column) =>
        column.notNull().check(sql`role in ('viewer', 'operator', 'admin')`),
      )
      .addColumn('password_hash', 'text', (column) => column.notNull())
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .addColumn('last_login_at', 'integer')
      .execute();

    await db.schema
      .createTable('logins')
      .addColumn('secret_hash', 'text', (column) => column.primaryKey())
      .addColumn('account', 'text', (column) =>
        column.notNull().references('accounts.name').onDelete('cascade'),
      )
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .addColumn('used_at', 'integer', (column) => column.notNull())
      .execute();
    await db.schema.createIndex('logins_account').on('logins').column('account').execute();

    // The one that there was until then could do everything.
    await db.schema
      .alterTable('api_tokens')
      .addColumn('role', 'text', (column) => column.notNull().defaultTo('admin'))
      .execute();
    await db.schema.alterTable('api_tokens').addColumn('expires_at', 'integer').execute();
    await db.schema.alterTable('api_tokens').addColumn('last_used_at', 'integer').execute();
    await db.schema.createIndex('api_tokens_hash').unique().on('api_tokens').column('hash').execute();

    await db.schema
      .createTable('audit')
      .addColumn('sequence', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('at', 'integer', (column) => column.notNull())
      .addColumn('who_kind', 'text')
      .addColumn('who_name', 'text')
      .addColumn('address', 'text', (column) => column.notNull())
      .addColumn('what', 'text', (column) => column.notNull())
      .addColumn('method', 'text', (column) => column.notNull())
      .addColumn('path', 'text', (column) => column.notNull())
      .addColumn('outcome', 'text', (column) => column.notNull())
      .addColumn('status', 'integer', (column) => column.notNull())
      .addColumn('code', 'text')
      .execute();
    await db.schema.createIndex('audit_outcome').on('audit').columns(['outcome', 'sequence']).execute();
  },
};
