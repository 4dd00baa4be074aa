import { type Backup, backupSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import type { BackupRow, Tables } from './schema.ts';

export class Backups {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
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
    return row && toBackup(row);
  }

  /** Newest first; of one guest, or of all. */
  async list(vmid: number | undefined, limit: number): Promise<Backup[]> {
    let query = this.#db.selectFrom('backups').selectAll().orderBy('finished_at', 'desc').limit(limit);
    if (vmid !== undefined) query = query.where('vmid', '=', vmid);
    return (await query.execute()).map(toBackup);
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
