import type { BackupObservation } from '@tacet/core';
import { epochMsSchema, requestSchemas } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { OnUnreadable } from './readable-rows.ts';
import type { NodeRequestRow, Tables } from './schema.ts';

/** A task that a node is asked for, written down before it is: `hook` is one that somebody else has asked for. */
export interface NewNodeRequest {
  readonly what: NodeRequestRow['what'];
  readonly node: string;
  /** The guest that the task is about: of a restore, the one that it makes. */
  readonly vmid: number;
  /** Empty where none is named. */
  readonly storage: string;
  /** The backup that is restored, or made where its name is known before. */
  readonly volid: string | null;
  readonly askedAt: number;
  /** The tasks of this kind that were there before; null where they could not be listed. */
  readonly known: readonly string[] | null;
  /** Of a rollback: whether the guest ran before; undefined where that is not known. */
  readonly wasRunning?: boolean | undefined;
}

export interface NodeRequest extends NewNodeRequest {
  /** Null where nobody heard of the node's answer. */
  readonly upid: string | null;
  /** What had been seen of a backup when this was written. */
  readonly seen: Partial<BackupObservation> | null;
}

const knownSchema = z.array(z.string());
const momentSchema = epochMsSchema.optional();
const seenSchema = z.object({
  plan: requestSchemas.plan.result.optional(),
  notHeldBecause: z.string().optional(),
  holdConfirmedAt: momentSchema,
  backupRequestedAt: momentSchema,
  mode: z.enum(['snapshot', 'suspend', 'stop']).optional(),
  snapshotSeenAt: momentSchema,
  snapshotLine: z.string().optional(),
  thawSentAt: momentSchema,
  leaseLeftMs: z.number().optional(),
  thaw: requestSchemas.thaw.result.optional(),
});

/** By operation, in the order in which they were asked. */
export class NodeRequests {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
  }

  async create(operationId: string, position: number, request: NewNodeRequest): Promise<void> {
    const { what, node, vmid, storage, volid, askedAt, known, wasRunning } = request;
    await this.#db
      .insertInto('node_requests')
      .values({
        operation_id: operationId,
        position,
        what,
        node,
        vmid,
        storage,
        volid,
        asked_at: askedAt,
        known: known && JSON.stringify(known),
        upid: null,
        seen: null,
        was_running: wasRunning === undefined ? null : wasRunning ? 1 : 0,
      })
      .execute();
  }

  async update(
    operationId: string,
    position: number,
    { upid, seen }: { upid?: string; seen?: BackupObservation },
  ): Promise<void> {
    await this.#db
      .updateTable('node_requests')
      .set({ ...(upid !== undefined && { upid }), ...(seen && { seen: JSON.stringify(seen) }) })
      .where('operation_id', '=', operationId)
      .where('position', '=', position)
      .execute();
  }

  /** What of one cannot be read was not listed, and not seen: that may cost a verdict, but not the request. */
  async of(operationId: string): Promise<NodeRequest[]> {
    const rows = await this.#db
      .selectFrom('node_requests')
      .selectAll()
      .where('operation_id', '=', operationId)
      .orderBy('position')
      .execute();
    return rows.map((row) => ({
      what: row.what,
      node: row.node,
      vmid: row.vmid,
      storage: row.storage,
      volid: row.volid,
      askedAt: row.asked_at,
      known: this.#read(row, 'known', knownSchema),
      upid: row.upid,
      seen: this.#read(row, 'seen', seenSchema),
      wasRunning: row.was_running === null ? undefined : row.was_running === 1,
    }));
  }

  #read<Value>(row: NodeRequestRow, column: 'known' | 'seen', schema: z.ZodType<Value>): Value | null {
    const text = row[column];
    if (text === null) return null;
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      const request = `request ${row.position} (${row.what}) of the operation ${row.operation_id}`;
      this.#onUnreadable(`what is \`${column}\` of ${request}`, error);
      return null;
    }
  }
}
