import { type HeldSnapshot, heldSnapshotSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import type { SnapshotRow, Tables } from './schema.ts';

/** The snapshots that this controller has taken, with their verdicts; whether they still exist, their node says. */
export class Snapshots {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async create(snapshot: HeldSnapshot): Promise<void> {
    const { operationId, vmid, node, name, before, takenAt, verdict } = snapshot;
    await this.#db
      .insertInto('snapshots')
      .values({
        operation_id: operationId,
        vmid,
        node,
        name,
        before,
        taken_at: takenAt,
        verdict: JSON.stringify(verdict),
      })
      .execute();
  }

  async ofOperation(operationId: string): Promise<HeldSnapshot | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('operation_id', '=', operationId)
      .executeTakeFirst();
    return row && toSnapshot(row);
  }

  /** Newest first. */
  async ofGuest(vmid: number): Promise<HeldSnapshot[]> {
    const rows = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('vmid', '=', vmid)
      .orderBy('taken_at', 'desc')
      .execute();
    return rows.map(toSnapshot);
  }
}

function toSnapshot(row: SnapshotRow): HeldSnapshot {
  return heldSnapshotSchema.parse({
    operationId: row.operation_id,
    vmid: row.vmid,
    node: row.node,
    name: row.name,
    before: row.before,
    takenAt: row.taken_at,
    verdict: JSON.parse(row.verdict),
  });
}
