import { vmidSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { Tables } from './schema.ts';

const knownGuestSchema = z.object({
  vmid: vmidSchema,
  name: z.string().optional(),
  tags: z.array(z.string()),
  pool: z.string().optional(),
  /** On which it was. */
  node: z.string(),
  /** Where its backups go unless told. */
  storage: z.string(),
});

/** A guest as a node has shown it to a token that may back it up. */
export interface KnownGuest {
  readonly vmid: number;
  readonly name: string | undefined;
  readonly tags: readonly string[];
  readonly pool: string | undefined;
  readonly node: string;
  readonly storage: string;
}

export class KnownGuests {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** By the name of the configured node through which they were seen. What cannot be read was not seen. */
  async list(): Promise<Map<string, KnownGuest[]>> {
    const rows = await this.#db.selectFrom('known_guests').selectAll().orderBy('vmid').execute();
    const known = new Map<string, KnownGuest[]>();
    for (const { through, seen } of rows) {
      const parsed = knownGuestSchema.safeParse(JSON.parse(seen));
      if (!parsed.success) continue;
      const { name, pool, ...rest } = parsed.data;
      known.set(through, [...(known.get(through) ?? []), { ...rest, name, pool }]);
    }
    return known;
  }

  /** Each guest once. */
  async replace(known: ReadonlyMap<string, readonly KnownGuest[]>): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await transaction.deleteFrom('known_guests').execute();
      for (const [through, guests] of known) {
        for (const guest of guests) {
          await transaction
            .insertInto('known_guests')
            .values({ vmid: guest.vmid, through, seen: JSON.stringify(guest) })
            .execute();
        }
      }
    });
  }
}
