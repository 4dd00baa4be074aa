import { type Delivery, type NotificationMessage, notificationMessageSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { NotificationDeliveryRow, Tables } from './schema.ts';

/** Of each channel; those that wait aside. */
const KEPT_DELIVERIES = 200;

/** A ping is no message: it says how the last backup went. */
const pingSchema = z.object({
  kind: z.literal('ping'),
  id: z.string(),
  good: z.boolean(),
  text: z.string(),
});
export type Ping = z.infer<typeof pingSchema>;

const outgoingSchema = z.discriminatedUnion('what', [
  z.object({ what: z.literal('message'), message: notificationMessageSchema }),
  z.object({ what: z.literal('ping'), message: pingSchema }),
]);
export type Outgoing = z.infer<typeof outgoingSchema>;

export interface WaitingNotice {
  readonly id: number;
  readonly at: number;
  readonly notice: unknown;
}

export interface WaitingDelivery {
  readonly id: string;
  readonly outgoing: Outgoing;
  readonly createdAt: number;
  readonly attempts: number;
  readonly nextAt: number;
}

/** What is to be sent and what was, channel by channel. */
export class NotificationOutbox {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** What is not part of a message yet, oldest first. */
  async notices(channel: string, limit: number): Promise<WaitingNotice[]> {
    const rows = await this.#db
      .selectFrom('notification_notices')
      .selectAll()
      .where('channel', '=', channel)
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map(({ id, at, notice }) => ({ id, at, notice: JSON.parse(notice) }));
  }

  /** Makes a message of notices, which are gone then. @param replaces what waits is not worth sending any more */
  async form(channel: string, { outgoing, now, notices, replaces }: FormOptions): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      if (replaces !== undefined) {
        await db
          .updateTable('notification_deliveries')
          .set({ state: 'failed', next_at: null, error: replaces })
          .where('channel', '=', channel)
          .where('state', '=', 'waiting')
          .execute();
      }
      const known = await db
        .deleteFrom('notification_notices')
        .where('id', 'in', [...notices])
        .where('channel', '=', channel)
        .returning('id')
        .execute();
      if (known.length === 0) return; // the channel was deleted meanwhile
      await db
        .insertInto('notification_deliveries')
        .values({
          id: outgoing.message.id,
          channel,
          message: JSON.stringify(outgoing),
          state: 'waiting',
          created_at: now,
          attempts: 0,
          tried_at: null,
          next_at: now,
          error: null,
        })
        .execute();
      const old = db
        .selectFrom('notification_deliveries')
        .select('id')
        .where('channel', '=', channel)
        .where('state', '!=', 'waiting')
        .orderBy('created_at', 'desc')
        .limit(-1)
        .offset(KEPT_DELIVERIES);
      await db.deleteFrom('notification_deliveries').where('id', 'in', old).execute();
    });
  }

  /** The one whose turn is first. */
  async next(channel: string): Promise<WaitingDelivery | undefined> {
    const row = await this.#db
      .selectFrom('notification_deliveries')
      .selectAll()
      .where('channel', '=', channel)
      .where('state', '=', 'waiting')
      .orderBy('next_at')
      .orderBy('created_at')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return {
      id: row.id,
      outgoing: outgoingSchema.parse(JSON.parse(row.message)),
      createdAt: row.created_at,
      attempts: row.attempts,
      nextAt: row.next_at ?? row.created_at,
    };
  }

  /** Before it is tried: a controller that is stopped meanwhile knows that it may have arrived. */
  async trying(id: string, now: number): Promise<void> {
    await this.#db
      .updateTable('notification_deliveries')
      .set((set) => ({ attempts: set('attempts', '+', 1), tried_at: now }))
      .where('id', '=', id)
      .execute();
  }

  /** How an attempt ended; `nextAt` where it is tried again. */
  async tried(
    id: string,
    end: { readonly state: 'sent' } | { readonly error: string; readonly nextAt: number | null },
  ): Promise<void> {
    const values =
      'state' in end
        ? { state: 'sent' as const, next_at: null, error: null }
        : {
            state: end.nextAt === null ? ('failed' as const) : ('waiting' as const),
            next_at: end.nextAt,
            error: end.error,
          };
    await this.#db
      .updateTable('notification_deliveries')
      .set(values)
      .where('id', '=', id)
      .where('state', '=', 'waiting')
      .execute();
  }

  /** A channel was changed: whatever waits for another try has it now. */
  async retryNow(channel: string, now: number): Promise<void> {
    await this.#db
      .updateTable('notification_deliveries')
      .set({ next_at: now })
      .where('channel', '=', channel)
      .where('state', '=', 'waiting')
      .execute();
  }

  /** Nothing of what waits is sent. */
  async drop(channel: string, why: string): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      await db.deleteFrom('notification_notices').where('channel', '=', channel).execute();
      await db
        .updateTable('notification_deliveries')
        .set({ state: 'failed', next_at: null, error: why })
        .where('channel', '=', channel)
        .where('state', '=', 'waiting')
        .execute();
    });
  }

  /** When messages were made, oldest first. */
  async madeSince(channel: string, since: number): Promise<number[]> {
    const rows = await this.#db
      .selectFrom('notification_deliveries')
      .select('created_at')
      .where('channel', '=', channel)
      .where('created_at', '>', since)
      .orderBy('created_at')
      .execute();
    return rows.map(({ created_at }) => created_at);
  }

  /** Newest first. */
  async deliveries(channel: string, limit: number): Promise<Delivery[]> {
    const rows = await this.#db
      .selectFrom('notification_deliveries')
      .selectAll()
      .where('channel', '=', channel)
      .orderBy('created_at', 'desc')
      .limit(limit)
      .execute();
    return rows.map(toDelivery);
  }

  /** The one of which there is the newest news. */
  async newest(channel: string): Promise<Delivery | undefined> {
    const row = await this.#db
      .selectFrom('notification_deliveries')
      .selectAll()
      .where('channel', '=', channel)
      .orderBy((order) => order.fn.coalesce('tried_at', 'created_at'), 'desc')
      .limit(1)
      .executeTakeFirst();
    return row && toDelivery(row);
  }

  /** How many things and messages wait, by channel. */
  async waiting(): Promise<Map<string, number>> {
    const counted = new Map<string, number>();
    const rows = [
      ...(await this.#db
        .selectFrom('notification_notices')
        .select((select) => ['channel', select.fn.countAll<number>().as('count')])
        .groupBy('channel')
        .execute()),
      ...(await this.#db
        .selectFrom('notification_deliveries')
        .select((select) => ['channel', select.fn.countAll<number>().as('count')])
        .where('state', '=', 'waiting')
        .groupBy('channel')
        .execute()),
    ];
    for (const { channel, count } of rows) counted.set(channel, (counted.get(channel) ?? 0) + count);
    return counted;
  }
}

interface FormOptions {
  readonly outgoing: Outgoing;
  readonly now: number;
  /** Their ids. */
  readonly notices: readonly number[];
  readonly replaces?: string;
}

function toDelivery(row: NotificationDeliveryRow): Delivery {
  const outgoing = outgoingSchema.parse(JSON.parse(row.message));
  return {
    id: row.id,
    ...described(outgoing),
    state: row.state,
    createdAt: row.created_at,
    attempts: row.attempts,
    triedAt: row.tried_at,
    nextAt: row.next_at,
    error: row.error,
  };
}

function described(outgoing: Outgoing): { title: string; notices: number } {
  if (outgoing.what === 'ping') return { title: titleOfPing(outgoing.message), notices: 1 };
  const { title, notices }: NotificationMessage = outgoing.message;
  return { title, notices: Math.max(1, notices.length) };
}

function titleOfPing({ good, text }: Ping): string {
  return `${good ? 'success' : 'fail'}: ${text.split('\n')[0] ?? ''}`;
}
