import type { Regenerable } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { readRegenerate } from './read-regenerate.ts';
import type { RestoreOrderRow, Tables } from './schema.ts';

/**
 * A restore that this controller ordered, recorded before it starts: the copy that will call is expected.
 * `open` until the copy calls, `adopted` until it comes back with the credential it was given, then `closed`.
 */
export interface RestoreOrder {
  readonly id: string;
  readonly operationId: string;
  readonly sourceVmid: number;
  readonly targetVmid: number;
  readonly state: RestoreOrderRow['state'];
  readonly guestId: string | null;
  /** What the copy makes anew when it is adopted. */
  readonly regenerate: readonly Regenerable[];
}

export class RestoreOrders {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async create(
    order: Pick<RestoreOrder, 'id' | 'operationId' | 'sourceVmid' | 'targetVmid'> &
      Partial<Pick<RestoreOrder, 'regenerate'>>,
    now: number,
    expiresAt: number,
  ): Promise<void> {
    await this.#db
      .insertInto('restore_orders')
      .values({
        id: order.id,
        operation_id: order.operationId,
        source_vmid: order.sourceVmid,
        target_vmid: order.targetVmid,
        state: 'open',
        guest_id: null,
        created_at: now,
        expires_at: expiresAt,
        regenerate: JSON.stringify(order.regenerate ?? []),
      })
      .execute();
  }

  /** Undefined for an operation that has ordered nothing. */
  async ofOperation(
    operationId: string,
  ): Promise<Pick<RestoreOrder, 'id' | 'sourceVmid' | 'targetVmid'> | undefined> {
    return await this.#db
      .selectFrom('restore_orders')
      .select(['id', 'source_vmid as sourceVmid', 'target_vmid as targetVmid'])
      .where('operation_id', '=', operationId)
      .executeTakeFirst();
  }

  /** What took longer than was thought is expected for longer. */
  async extend(id: string, expiresAt: number): Promise<void> {
    await this.#db
      .updateTable('restore_orders')
      .set({ expires_at: expiresAt })
      .where('id', '=', id)
      .execute();
  }

  /** Those that a copy of the source may still answer to, newest first. */
  async expecting(sourceVmid: number, now: number): Promise<RestoreOrder[]> {
    const rows = await this.#db
      .selectFrom('restore_orders')
      .selectAll()
      .where('source_vmid', '=', sourceVmid)
      .where('state', '!=', 'closed')
      .where('expires_at', '>', now)
      .orderBy('created_at', 'desc')
      .execute();
    return rows.map((row) => ({
      id: row.id,
      operationId: row.operation_id,
      sourceVmid: row.source_vmid,
      targetVmid: row.target_vmid,
      state: row.state,
      guestId: row.guest_id,
      regenerate: readRegenerate(row.regenerate),
    }));
  }

  async adopt(id: string, guestId: string): Promise<void> {
    await this.#db
      .updateTable('restore_orders')
      .set({ state: 'adopted', guest_id: guestId })
      .where('id', '=', id)
      .execute();
  }

  async close(id: string): Promise<void> {
    await this.#db.updateTable('restore_orders').set({ state: 'closed' }).where('id', '=', id).execute();
  }

  /** The adopted guest has come back with its own credential: its old one opens nothing any more. */
  async closeFor(guestId: string): Promise<void> {
    await this.#db
      .updateTable('restore_orders')
      .set({ state: 'closed' })
      .where('guest_id', '=', guestId)
      .where('state', '=', 'adopted')
      .execute();
  }
}
