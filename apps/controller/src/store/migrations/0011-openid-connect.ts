import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Accounts for which an OpenID provider vouches, by its own word of who they are. */
export const openidConnect: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('accounts').addColumn('issuer', 'text').execute();
    await db.schema.alterTable('accounts').addColumn('subject', 'text').execute();
    await db.schema
      .createIndex('accounts_vouched_for')
      .unique()
      .on('accounts')
      .columns(['issuer', 'subject'])
      .execute();
  },
};
