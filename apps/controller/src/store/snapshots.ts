import { type HeldSnapshot, heldSnapshotSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { type OnUnreadable, readableRows } from './readable-rows.ts';
import type { SnapshotRow, Tables } from './schema.ts';

/** The snapshots that this controller has taken, with their verdicts; whether they still exist, their node says. */
export class Snapshots {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
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

  /** Newest first, those that can be read. */
  async ofGuest(vmid: number): Promise<HeldSnapshot[]> {
    const rows = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('vmid', '=', vmid)
      .orderBy('taken_at', 'desc')
      .execute();
    return readableRows(rows, nameOf, toSnapshot, this.#onUnreadable);
  }
}

function nameOf({ name, vmid }: SnapshotRow): string {
  return `the snapshot ${name} of guest ${vmid}`;
}

export function toSnapshot(row: SnapshotRow): HeldSnapshot {
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
