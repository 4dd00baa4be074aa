import type { ApiToken, Role } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import type { ApiTokenRow, Tables } from './schema.ts';

export interface NewApiToken {
  readonly name: string;
  readonly hash: string;
  readonly role: Role;
  readonly now: number;
  readonly expiresAt: number | null;
}

export class ApiTokens {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async hashOf(name: string): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom('api_tokens')
      .select('hash')
      .where('name', '=', name)
      .executeTakeFirst();
    return row?.hash;
  }

  /** The controller's own one, in the place of the one before; it may do everything. */
  async put(name: string, hash: string, now: number): Promise<void> {
    const values = { hash, created_at: now, role: 'admin' as const, expires_at: null };
    await this.#db
      .insertInto('api_tokens')
      .values({ name, last_used_at: null, ...values })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
      .execute();
  }

  /** False where the name is taken. */
  async create({ name, hash, role, now, expiresAt }: NewApiToken): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('api_tokens')
      .values({ name, hash, role, created_at: now, expires_at: expiresAt, last_used_at: null })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }

  async byHash(hash: string): Promise<ApiToken | undefined> {
    const row = await this.#db
      .selectFrom('api_tokens')
      .selectAll()
      .where('hash', '=', hash)
      .executeTakeFirst();
    return row && toApiToken(row);
  }

  async list(): Promise<ApiToken[]> {
    const rows = await this.#db.selectFrom('api_tokens').selectAll().orderBy('name').execute();
    return rows.map(toApiToken);
  }

  async used(hash: string, now: number): Promise<void> {
    await this.#db.updateTable('api_tokens').set({ last_used_at: now }).where('hash', '=', hash).execute();
  }

  /** False where there is none. */
  async remove(name: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('api_tokens')
      .where('name', '=', name)
      .executeTakeFirst();
    return numDeletedRows === 1n;
  }
}

function toApiToken({ name, role, created_at, expires_at, last_used_at }: ApiTokenRow): ApiToken {
  return { name, role, createdAt: created_at, expiresAt: expires_at, lastUsedAt: last_used_at };
}
