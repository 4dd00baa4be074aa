import { type Drill, drillSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { type OnUnreadable, readableRows, readRow } from './readable-rows.ts';
import type { DrillRow, Tables } from './schema.ts';

/** A drill with what its scratch guest is known by. */
export interface StoredDrill extends Drill {
  /** Where the scratch guest is made. */
  readonly node: string;
}

export type NewDrill = Pick<
  StoredDrill,
  'operationId' | 'backupId' | 'vmid' | 'node' | 'scratchVmid' | 'startedAt'
>;

export type DrillEnd = Pick<Drill, 'finishedAt' | 'outcome' | 'readyAfterMs' | 'message'>;

/** The outcomes that say something of the backup. */
const TELLING = ['proven', 'started', 'failed'] as const;

export class Drills {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
  }

  async begin(drill: NewDrill): Promise<void> {
    await this.#db
      .insertInto('drills')
      .values({
        operation_id: drill.operationId,
        backup_id: drill.backupId,
        vmid: drill.vmid,
        node: drill.node,
        scratch_vmid: drill.scratchVmid,
        started_at: drill.startedAt,
        finished_at: null,
        outcome: null,
        ready_after_ms: null,
        message: '',
      })
      .execute();
  }

  async finish(operationId: string, { finishedAt, outcome, readyAfterMs, message }: DrillEnd): Promise<void> {
    const ready_after_ms = readyAfterMs === null ? null : Math.round(readyAfterMs);
    await this.#db
      .updateTable('drills')
      .set({ finished_at: finishedAt, outcome, ready_after_ms, message })
      .where('operation_id', '=', operationId)
      .execute();
  }

  /** @throws Failure `internal` where it cannot be read */
  async ofOperation(operationId: string): Promise<StoredDrill | undefined> {
    const row = await this.#db
      .selectFrom('drills')
      .selectAll()
      .where('operation_id', '=', operationId)
      .executeTakeFirst();
    return row && readRow(row, nameOf, toDrill, this.#onUnreadable);
  }

  /**
   * Those whose operation has ended without them, oldest first: also one that cannot be read as a whole, for what it has
   * made must go. What came of them is nothing.
   */
  async abandoned(): Promise<StoredDrill[]> {
    const rows = await this.#db
      .selectFrom('drills')
      .innerJoin('operations', 'operations.id', 'drills.operation_id')
      .selectAll('drills')
      .where('drills.finished_at', 'is', null)
      .where('operations.state', '!=', 'running')
      .orderBy('drills.started_at')
      .execute();
    return rows.map((row) => ({
      operationId: row.operation_id,
      backupId: row.backup_id,
      vmid: row.vmid,
      node: row.node,
      scratchVmid: row.scratch_vmid,
      startedAt: row.started_at,
      finishedAt: null,
      outcome: null,
      readyAfterMs: null,
      message: '',
    }));
  }

  /** When the newest drill that has shown something of a guest ended, by its VMID. */
  async lastOfEach(): Promise<Map<number, number>> {
    const rows = await this.#db
      .selectFrom('drills')
      .select(['vmid', (select) => select.fn.max('finished_at').as('at')])
      .where('outcome', 'in', [...TELLING])
      .groupBy('vmid')
      .execute();
    return new Map(rows.map(({ vmid, at }) => [vmid, at ?? 0]));
  }

  /** The newest of a guest that has shown something; undefined where that cannot be read. */
  async newestOfGuest(vmid: number): Promise<Drill | undefined> {
    const rows = await this.#db
      .selectFrom('drills')
      .selectAll()
      .where('vmid', '=', vmid)
      .where('outcome', 'in', [...TELLING])
      .orderBy('finished_at', 'desc')
      .limit(1)
      .execute();
    return readableRows(rows, nameOf, toDrill, this.#onUnreadable)[0];
  }

  /** Of each of these backups the newest drill that has shown something, by the backup's id. */
  async newestOf(backupIds: readonly string[]): Promise<Map<string, Drill>> {
    const rows = await this.#db
      .selectFrom('drills')
      .selectAll()
      .where('backup_id', 'in', [...backupIds])
      .where('outcome', 'in', [...TELLING])
      .orderBy('finished_at')
      .execute();
    const found = readableRows(rows, nameOf, toShownDrill, this.#onUnreadable);
    return new Map(found.map((drill) => [drill.backupId, drill]));
  }
}

function nameOf({ operation_id, backup_id }: DrillRow): string {
  return `the drill ${operation_id} of backup ${backup_id}`;
}

/** Without what is nobody else's concern. */
function toShownDrill(row: DrillRow): Drill {
  return drillSchema.parse(toDrill(row));
}

function toDrill(row: DrillRow): StoredDrill {
  const drill = drillSchema.parse({
    operationId: row.operation_id,
    backupId: row.backup_id,
    vmid: row.vmid,
    scratchVmid: row.scratch_vmid,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    outcome: row.outcome,
    readyAfterMs: row.ready_after_ms,
    message: row.message,
  });
  return { ...drill, node: row.node };
}
