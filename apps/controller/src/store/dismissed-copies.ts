import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** What a dismissal is about: the guest of that VMID whatever its addresses become, where it has one. */
export function dismissalOf({ vmid, copyKey }: { vmid: number | null; copyKey: string }): string {
  return vmid === null ? copyKey : `guest ${vmid}`;
}

/** As long as the original is known with the credential that the copy showed: after that it opens nothing anyway. */
export class DismissedCopies {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async add(originId: string, copy: string, now: number): Promise<void> {
    await this.#db
      .insertInto('dismissed_copies')
      .values({ origin_guest_id: originId, copy, dismissed_at: now })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async has(originId: string, copy: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('dismissed_copies')
      .select('copy')
      .where('origin_guest_id', '=', originId)
      .where('copy', '=', copy)
      .executeTakeFirst();
    return row !== undefined;
  }
}
