import { vmidSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { type OnUnreadable, readableRows } from './readable-rows.ts';
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
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
  }

  /** By the name of the configured node through which they were seen. What cannot be read was not seen. */
  async list(): Promise<Map<string, KnownGuest[]>> {
    const rows = await this.#db.selectFrom('known_guests').selectAll().orderBy('vmid').execute();
    const known = new Map<string, KnownGuest[]>();
    const readable = readableRows(
      rows,
      ({ vmid, through }) => `what ${through} has shown of guest ${vmid}`,
      ({ through, seen }) => ({ through, guest: knownGuestSchema.parse(JSON.parse(seen)) }),
      this.#onUnreadable,
    );
    for (const { through, guest } of readable) {
      const { name, pool, ...rest } = guest;
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
