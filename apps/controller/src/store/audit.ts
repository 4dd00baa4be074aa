import { type AuditEntry, auditEntrySchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import type { AuditRow, Tables } from './schema.ts';

export type NewAuditEntry = Omit<AuditEntry, 'sequence'>;

/** Of each outcome for itself: whoever is refused over and over cannot push out what was done. */
export const KEPT_ENTRIES = 20_000;
const BETWEEN_CLEANUPS = 500;

export class Audit {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async append({ who, ...entry }: NewAuditEntry): Promise<void> {
    const inserted = await this.#db
      .insertInto('audit')
      .values({ ...entry, who_kind: who?.kind ?? null, who_name: who?.name ?? null })
      .returning('sequence')
      .executeTakeFirstOrThrow();
    if (inserted.sequence % BETWEEN_CLEANUPS === 0) await this.#forget(entry.outcome);
  }

  /** Newest first, those before a sequence number. */
  async before(before: number | undefined, limit: number): Promise<AuditEntry[]> {
    let query = this.#db.selectFrom('audit').selectAll().orderBy('sequence', 'desc').limit(limit);
    if (before !== undefined) query = query.where('sequence', '<', before);
    return (await query.execute()).map(toEntry);
  }

  async #forget(outcome: AuditRow['outcome']): Promise<void> {
    const oldestKept = await this.#db
      .selectFrom('audit')
      .select('sequence')
      .where('outcome', '=', outcome)
      .orderBy('sequence', 'desc')
      .offset(KEPT_ENTRIES)
      .limit(1)
      .executeTakeFirst();
    if (oldestKept === undefined) return;
    await this.#db
      .deleteFrom('audit')
      .where('outcome', '=', outcome)
      .where('sequence', '<=', oldestKept.sequence)
      .execute();
  }
}

function toEntry({ who_kind, who_name, ...row }: { [Column in keyof AuditRow]: unknown }): AuditEntry {
  return auditEntrySchema.parse({
    ...row,
    who: who_kind === null ? null : { kind: who_kind, name: who_name },
  });
}
