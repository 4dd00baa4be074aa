import { type Event, type StoredEvent, storedEventSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** Older events go as new ones come, so that a chatty guest cannot fill the disk. */
export const KEPT_EVENTS = 100_000;

export interface EventSubject {
  guestId: string | null;
  vmid: number | null;
}

export class Events {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Undefined where it is stored already: agents repeat what was not acknowledged. */
  async append(event: Event, subject: EventSubject): Promise<StoredEvent | undefined> {
    const inserted = await this.#db
      .insertInto('events')
      .values({
        at: event.at,
        type: event.type,
        message: event.message,
        data: JSON.stringify(event.data),
        guest_id: subject.guestId,
        vmid: subject.vmid,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('sequence')
      .executeTakeFirst();
    if (inserted === undefined) return undefined;
    const { sequence } = inserted;
    if (sequence % 1000 === 0) {
      await this.#db
        .deleteFrom('events')
        .where('sequence', '<=', sequence - KEPT_EVENTS)
        .execute();
    }
    return { ...event, ...subject, sequence };
  }

  /** In order, those with a higher sequence than `after`. */
  async after(after: number, limit: number): Promise<StoredEvent[]> {
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(limit)
      .execute();
    return rows.map(({ guest_id, data, ...row }) =>
      storedEventSchema.parse({ ...row, guestId: guest_id, data: JSON.parse(data) }),
    );
  }

  /** Zero where nothing has happened yet. */
  async newest(): Promise<number> {
    const row = await this.#db
      .selectFrom('events')
      .select((select) => select.fn.max('sequence').as('newest'))
      .executeTakeFirst();
    return row?.newest ?? 0;
  }
}
