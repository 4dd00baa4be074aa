import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** One-time permissions to enrol the guest of one VMID; only the hash of their secret is kept. */
export class Enrolments {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async create(vmid: number, secretHash: string, now: number, expiresAt: number): Promise<void> {
    await this.#db
      .insertInto('enrolments')
      .values({ secret_hash: secretHash, vmid, created_at: now, expires_at: expiresAt, used_at: null })
      .execute();
  }

  /** The VMID that an unused, unexpired secret is for; it stays usable. */
  async find(secretHash: string, now: number): Promise<number | undefined> {
    const row = await this.#db
      .selectFrom('enrolments')
      .select('vmid')
      .where('secret_hash', '=', secretHash)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirst();
    return row?.vmid;
  }

  /** Uses the secret up. False when somebody else was faster, or it has expired. */
  async use(secretHash: string, now: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('enrolments')
      .set({ used_at: now })
      .where('secret_hash', '=', secretHash)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }
}
