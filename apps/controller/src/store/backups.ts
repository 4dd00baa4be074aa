import { type Backup, backupSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { Drills } from './drills.ts';
import type { Position } from './position.ts';
import type { BackupRow, Tables } from './schema.ts';

export class Backups {
  readonly #db: Kysely<Tables>;
  readonly #drills: Drills;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
    this.#drills = new Drills(db);
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

  async get(id: string): Promise<Backup | undefined> {
    const row = await this.#db.selectFrom('backups').selectAll().where('id', '=', id).executeTakeFirst();
    return row && (await this.#withDrills([row]))[0];
  }

  /** The newest, those aside that a restore made of what it replaced: somebody wanted to get away from that. */
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
    return row && (await this.#withDrills([row]))[0];
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

  /** Newest first; of one guest, or of all. @param before where the page before ended */
  async list(vmid: number | undefined, limit: number, before?: Position): Promise<Backup[]> {
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
    return await this.#withDrills(await query.execute());
  }

  /** The newest of each enrolled guest, by VMID: one question for all of them, for there may be thousands. */
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
    return new Map((await this.#withDrills(rows)).map((backup) => [backup.vmid, backup]));
  }

  async #withDrills(rows: readonly BackupRow[]): Promise<Backup[]> {
    const drills = await this.#drills.newestOf(rows.map(({ id }) => id));
    return rows.map((row) => {
      const drill = drills.get(row.id);
      return { ...toBackup(row), ...(drill && { drill }) };
    });
  }
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
