import type { Role } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** A browser that is signed in; the store has only the hash of its cookie. */
export interface StoredLogin {
  readonly account: string;
  readonly role: Role;
  readonly createdAt: number;
  readonly usedAt: number;
}

/** An account that signs in over and over is no reason to keep every one of them. */
const MAX_PER_ACCOUNT = 50;

export class Logins {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async create(account: string, secretHash: string, now: number): Promise<void> {
    await this.#db
      .insertInto('logins')
      .values({ secret_hash: secretHash, account, created_at: now, used_at: now })
      .execute();
    await this.#db
      .deleteFrom('logins')
      .where('account', '=', account)
      .where('secret_hash', 'not in', (newest) =>
        newest
          .selectFrom('logins')
          .select('secret_hash')
          .where('account', '=', account)
          .orderBy('used_at', 'desc')
          .limit(MAX_PER_ACCOUNT),
      )
      .execute();
  }

  /** With the role that the account has now. */
  async get(secretHash: string): Promise<StoredLogin | undefined> {
    const row = await this.#db
      .selectFrom('logins')
      .innerJoin('accounts', 'accounts.name', 'logins.account')
      .select(['logins.account', 'accounts.role', 'logins.created_at', 'logins.used_at'])
      .where('secret_hash', '=', secretHash)
      .executeTakeFirst();
    return row && { account: row.account, role: row.role, createdAt: row.created_at, usedAt: row.used_at };
  }

  async used(secretHash: string, now: number): Promise<void> {
    await this.#db
      .updateTable('logins')
      .set({ used_at: now })
      .where('secret_hash', '=', secretHash)
      .execute();
  }

  async remove(secretHash: string): Promise<void> {
    await this.#db.deleteFrom('logins').where('secret_hash', '=', secretHash).execute();
  }

  /** @param except one that stays */
  async removeOf(account: string, except?: string): Promise<void> {
    let query = this.#db.deleteFrom('logins').where('account', '=', account);
    if (except !== undefined) query = query.where('secret_hash', '!=', except);
    await query.execute();
  }

  async removeOlder(than: { createdAt: number; usedAt: number }): Promise<void> {
    await this.#db
      .deleteFrom('logins')
      .where((row) => row.or([row('created_at', '<=', than.createdAt), row('used_at', '<=', than.usedAt)]))
      .execute();
  }

  async count(): Promise<number> {
    const row = await this.#db
      .selectFrom('logins')
      .select((select) => select.fn.countAll<number>().as('count'))
      .executeTakeFirst();
    return row?.count ?? 0;
  }
}
