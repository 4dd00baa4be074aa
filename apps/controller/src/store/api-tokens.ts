import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

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

  async put(name: string, hash: string, now: number): Promise<void> {
    await this.#db
      .insertInto('api_tokens')
      .values({ name, hash, created_at: now })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ hash, created_at: now }))
      .execute();
  }
}
