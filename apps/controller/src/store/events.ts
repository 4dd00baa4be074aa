import { type Event, type StoredEvent, storedEventSchema } from '@tacet/protocol';
import type { Kysely, Selectable } from 'kysely';
import { type OnUnreadable, readablePage, readableRows } from './readable-rows.ts';
import type { EventRow, Tables } from './schema.ts';

/** Older events go as new ones come, so that a chatty guest cannot fill the disk. */
export const KEPT_EVENTS = 100_000;

export interface EventSubject {
  guestId: string | null;
  vmid: number | null;
}

export class Events {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
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

  /** In order, those with a higher sequence than `after` that can be read. */
  async after(after: number, limit: number): Promise<StoredEvent[]> {
    return await readablePage(
      limit,
      async (last?: Selectable<EventRow>) =>
        await this.#db
          .selectFrom('events')
          .selectAll()
          .where('sequence', '>', last?.sequence ?? after)
          .orderBy('sequence')
          .limit(limit)
          .execute(),
      (rows) => readableRows(rows, ({ sequence }) => `event ${sequence}`, toEvent, this.#onUnreadable),
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

function toEvent({ guest_id, data, ...row }: Selectable<EventRow>): StoredEvent {
  return storedEventSchema.parse({ ...row, guestId: guest_id, data: JSON.parse(data) });
}
