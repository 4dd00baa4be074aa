import { type Operation, operationSchema, type WireError } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { toBackup } from './backups.ts';
import type { Position } from './position.ts';
import type { OperationRow, Tables } from './schema.ts';
import { Snapshots } from './snapshots.ts';

export type NewOperation = Pick<Operation, 'id' | 'kind' | 'vmid' | 'startedAt'>;

export interface OperationEnd {
  readonly at: number;
  readonly restoredTo: number | null;
  /** Null for a success. */
  readonly error: WireError | null;
}

export class Operations {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
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

  /** Those that a controller which is gone has left behind, oldest first. */
  async running(): Promise<Operation[]> {
    const rows = await this.#db
      .selectFrom('operations')
      .selectAll()
      .where('state', '=', 'running')
      .orderBy('started_at')
      .execute();
    return await Promise.all(rows.map((row) => this.#assemble(row)));
  }

  async get(id: string): Promise<Operation | undefined> {
    const row = await this.#db.selectFrom('operations').selectAll().where('id', '=', id).executeTakeFirst();
    return row && (await this.#assemble(row));
  }

  /** Newest first. @param before where the page before ended */
  async list(limit: number, before?: Position): Promise<Operation[]> {
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
    const rows = await query.execute();
    return await Promise.all(rows.map((row) => this.#assemble(row)));
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

  async #assemble(row: OperationRow): Promise<Operation> {
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
    const snapshot = await new Snapshots(this.#db).ofOperation(row.id);
    return operationSchema.parse({
      id: row.id,
      kind: row.kind,
      vmid: row.vmid,
      state: row.state,
      startedAt: row.started_at,
      finishedAt: row.finished_at,
      steps,
      backup: backup ? toBackup(backup) : null,
      ...(snapshot && { snapshot }),
      restoredTo: row.restored_to,
      error: row.error === null ? null : JSON.parse(row.error),
    });
  }
}
