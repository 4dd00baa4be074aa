import { type Backup, backupSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { Drills } from './drills.ts';
import type { Position } from './position.ts';
import { type OnUnreadable, readablePage, readableRows, readRow } from './readable-rows.ts';
import type { BackupRow, Tables } from './schema.ts';

export class Backups {
  readonly #db: Kysely<Tables>;
  readonly #drills: Drills;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#drills = new Drills(db, onUnreadable);
    this.#onUnreadable = onUnreadable;
  }

  async create(backup: Backup, storage: string): Promise<void> {
    await this.#db
      .insertInto('backups')
      .values({
        id: backup.id,
        operation_id: backup.operationId,
        vmid: backup.vmid,
        node: backup.node,
        storage,
        volid: backup.volid,
        size_bytes: backup.sizeBytes,
        started_at: backup.startedAt,
        finished_at: backup.finishedAt,
        origin: backup.origin,
        verdict: JSON.stringify(backup.verdict),
      })
      .execute();
  }

  /** @throws Failure `internal` where it cannot be read */
  async get(id: string): Promise<Backup | undefined> {
    const row = await this.#db.selectFrom('backups').selectAll().where('id', '=', id).executeTakeFirst();
    return row && (await this.#one(row));
  }

  /**
   * The newest, those aside that a restore made of what it replaced: somebody wanted to get away from that.
   * Where it cannot be read no older one stands in for it.
   *
   * @throws Failure `internal`
   */
  async newestToRestore(vmid: number): Promise<Backup | undefined> {
    const row = await this.#db
      .selectFrom('backups')
      .selectAll()
      .where('vmid', '=', vmid)
      .where('origin', '!=', 'restore')
      .orderBy('finished_at', 'desc')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row && (await this.#one(row));
  }

  /** The guests that have one that is not such a safety backup. */
  async guestsToRestore(): Promise<Set<number>> {
    const rows = await this.#db
      .selectFrom('backups')
      .select('vmid')
      .distinct()
      .where('origin', '!=', 'restore')
      .execute();
    return new Set(rows.map(({ vmid }) => vmid));
  }

  /** Newest first, those that can be read; of one guest, or of all. @param before where the page before ended */
  async list(vmid: number | undefined, limit: number, before?: Position): Promise<Backup[]> {
    return await readablePage(
      limit,
      async (last?: BackupRow) => {
        const from = last === undefined ? before : { at: last.finished_at, id: last.id };
        return await this.#page(vmid, limit, from);
      },
      (rows) => this.#withDrills(rows),
    );
  }

  async #page(vmid: number | undefined, limit: number, before?: Position): Promise<BackupRow[]> {
    let query = this.#db
      .selectFrom('backups')
      .selectAll()
      .orderBy('finished_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit);
    if (before !== undefined) {
      const { at, id } = before;
      query = query.where((row) => row(row.refTuple('finished_at', 'id'), '<', row.tuple(at, id)));
    }
    if (vmid !== undefined) query = query.where('vmid', '=', vmid);
    return await query.execute();
  }

  /** The newest of each enrolled guest that can be read, by VMID: one question for all, for there may be thousands. */
  async newestOfEach(): Promise<Map<number, Backup>> {
    const rows = await this.#db
      .selectFrom('guests')
      .innerJoin('backups', (join) =>
        join.on((row) =>
          row(
            'backups.id',
            '=',
            row
              .selectFrom('backups as newest')
              .select('newest.id')
              .whereRef('newest.vmid', '=', 'guests.vmid')
              .orderBy('newest.finished_at', 'desc')
              .orderBy('newest.id', 'desc')
              .limit(1),
          ),
        ),
      )
      .selectAll('backups')
      .where('guests.identity', '=', 'enrolled')
      .execute();
    const newest = new Map((await this.#withDrills(rows)).map((backup) => [backup.vmid, backup]));
    for (const { vmid } of rows) {
      if (newest.has(vmid)) continue;
      const [older] = await this.list(vmid, 1);
      if (older !== undefined) newest.set(vmid, older);
    }
    return newest;
  }

  async #withDrills(rows: readonly BackupRow[]): Promise<Backup[]> {
    const drills = await this.#drills.newestOf(rows.map(({ id }) => id));
    const read = (row: BackupRow): Backup => {
      const drill = drills.get(row.id);
      return { ...toBackup(row), ...(drill && { drill }) };
    };
    return readableRows(rows, nameOf, read, this.#onUnreadable);
  }

  async #one(row: BackupRow): Promise<Backup> {
    const drill = (await this.#drills.newestOf([row.id])).get(row.id);
    return { ...readRow(row, nameOf, toBackup, this.#onUnreadable), ...(drill && { drill }) };
  }
}

function nameOf({ id, vmid }: BackupRow): string {
  return `backup ${id} of guest ${vmid}`;
}

export function toBackup(row: BackupRow): Backup {
  return backupSchema.parse({
    id: row.id,
    operationId: row.operation_id,
    vmid: row.vmid,
    node: row.node,
    volid: row.volid,
    sizeBytes: row.size_bytes,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    origin: row.origin,
    verdict: JSON.parse(row.verdict),
  });
}
