import { type Operation, operationSchema, type WireError } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { toBackup } from './backups.ts';
import type { Position } from './position.ts';
import { type OnUnreadable, readablePage, readableRows, readRow } from './readable-rows.ts';
import type { BackupRow, OperationRow, OperationStepRow, SnapshotRow, Tables } from './schema.ts';
import { toSnapshot } from './snapshots.ts';

export type NewOperation = Pick<Operation, 'id' | 'kind' | 'vmid' | 'startedAt'>;

export interface OperationEnd {
  readonly at: number;
  readonly restoredTo: number | null;
  /** Null for a success. */
  readonly error: WireError | null;
}

export class Operations {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
  }

  async create({ id, kind, vmid, startedAt }: NewOperation): Promise<void> {
    await this.#db
      .insertInto('operations')
      .values({
        id,
        kind,
        vmid,
        state: 'running',
        started_at: startedAt,
        finished_at: null,
        restored_to: null,
        quiesce_id: null,
        wanted_backup_id: null,
        error: null,
      })
      .execute();
  }

  async addStep(id: string, position: number, step: Operation['steps'][number]): Promise<void> {
    await this.#db
      .insertInto('operation_steps')
      .values({ operation_id: id, position, ...step })
      .execute();
  }

  async finish(id: string, end: OperationEnd): Promise<void> {
    await this.#db
      .updateTable('operations')
      .set({
        state: end.error === null ? 'succeeded' : 'failed',
        finished_at: end.at,
        restored_to: end.restoredTo,
        error: end.error === null ? null : JSON.stringify(end.error),
      })
      .where('id', '=', id)
      .execute();
  }

  /** Those that a controller which is gone has left behind and that can be read, oldest first. */
  async running(): Promise<Operation[]> {
    return await this.#readable(await this.#runningRows());
  }

  /** The others that were left behind, whom nobody can go on with, as {@link outline} has them. */
  async runningUnreadable(): Promise<Operation[]> {
    const rows = await this.#runningRows();
    const readable = new Set((await this.#readable(rows)).map(({ id }) => id));
    const parts = await Promise.all(
      rows.filter(({ id }) => !readable.has(id)).map((row) => this.#parts(row)),
    );
    return parts.map(toOutline);
  }

  /** Never fails over what is in it: as its row and its steps say, unchecked, without backup, snapshot and error. */
  async outline(id: string): Promise<Operation | undefined> {
    const row = await this.#db.selectFrom('operations').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toOutline(await this.#parts(row));
  }

  /** Ends one that nobody goes on with. What its row says already stays, be it readable or not. */
  async giveUp(id: string, at: number, error: WireError): Promise<void> {
    await this.#db
      .updateTable('operations')
      .set((row) => ({
        state: 'failed',
        finished_at: row.fn.coalesce('finished_at', row.val(at)),
        error: row.fn.coalesce('error', row.val(JSON.stringify(error))),
      }))
      .where('id', '=', id)
      .execute();
  }

  /** @throws Failure `internal` where it cannot be read */
  async get(id: string): Promise<Operation | undefined> {
    const row = await this.#db.selectFrom('operations').selectAll().where('id', '=', id).executeTakeFirst();
    return row && readRow(await this.#parts(row), nameOf, toOperation, this.#onUnreadable);
  }

  /** Newest first, those that can be read. @param before where the page before ended */
  async list(limit: number, before?: Position): Promise<Operation[]> {
    return await readablePage(
      limit,
      async (last?: OperationRow) => {
        const from = last === undefined ? before : { at: last.started_at, id: last.id };
        return await this.#page(limit, from);
      },
      (rows) => this.#readable(rows),
    );
  }

  async #page(limit: number, before?: Position): Promise<OperationRow[]> {
    let query = this.#db
      .selectFrom('operations')
      .selectAll()
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit);
    if (before !== undefined) {
      const { at, id } = before;
      query = query.where((row) => row(row.refTuple('started_at', 'id'), '<', row.tuple(at, id)));
    }
    return await query.execute();
  }

  async quiescing(id: string, quiesceId: string): Promise<void> {
    await this.#db.updateTable('operations').set({ quiesce_id: quiesceId }).where('id', '=', id).execute();
  }

  /** What the guest was last asked to quiesce for. */
  async newestQuiesceOf(vmid: number): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom('operations')
      .select('quiesce_id')
      .where('vmid', '=', vmid)
      .where('quiesce_id', 'is not', null)
      .orderBy('started_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row?.quiesce_id ?? undefined;
  }

  /** What a restore in place is to restore. */
  async wanting(id: string, backupId: string): Promise<void> {
    await this.#db
      .updateTable('operations')
      .set({ wanted_backup_id: backupId })
      .where('id', '=', id)
      .execute();
  }

  async wantedBackup(id: string): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom('operations')
      .select('wanted_backup_id')
      .where('id', '=', id)
      .executeTakeFirst();
    return row?.wanted_backup_id ?? undefined;
  }

  async #runningRows(): Promise<OperationRow[]> {
    return await this.#db
      .selectFrom('operations')
      .selectAll()
      .where('state', '=', 'running')
      .orderBy('started_at')
      .execute();
  }

  async #readable(rows: readonly OperationRow[]): Promise<Operation[]> {
    const all = await Promise.all(rows.map((row) => this.#parts(row)));
    return readableRows(all, nameOf, toOperation, this.#onUnreadable);
  }

  async #parts(row: OperationRow): Promise<Parts> {
    const steps = await this.#db
      .selectFrom('operation_steps')
      .select(['at', 'name', 'message'])
      .where('operation_id', '=', row.id)
      .orderBy('position')
      .execute();
    const backup = await this.#db
      .selectFrom('backups')
      .selectAll()
      .where('operation_id', '=', row.id)
      .executeTakeFirst();
    const snapshot = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('operation_id', '=', row.id)
      .executeTakeFirst();
    return { row, steps, backup, snapshot };
  }
}

/** What an operation is put together from. */
interface Parts {
  readonly row: OperationRow;
  readonly steps: readonly Pick<OperationStepRow, 'at' | 'name' | 'message'>[];
  readonly backup: BackupRow | undefined;
  readonly snapshot: SnapshotRow | undefined;
}

function nameOf({ row: { id, kind, vmid } }: Parts): string {
  return `the operation ${id} (${kind} of guest ${vmid})`;
}

function toOperation({ row, steps, backup, snapshot }: Parts): Operation {
  return operationSchema.parse({
    id: row.id,
    kind: row.kind,
    vmid: row.vmid,
    state: row.state,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    steps,
    backup: backup ? toBackup(backup) : null,
    ...(snapshot && { snapshot: toSnapshot(snapshot) }),
    restoredTo: row.restored_to,
    error: row.error === null ? null : JSON.parse(row.error),
  });
}

function toOutline({ row, steps }: Parts): Operation {
  return {
    id: row.id,
    kind: row.kind,
    vmid: row.vmid,
    state: row.state,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    steps: [...steps],
    backup: null,
    restoredTo: row.restored_to,
    error: null,
  };
}
