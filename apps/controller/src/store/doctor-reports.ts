import { type DoctorReport, doctorReportSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { type OnUnreadable, readableRows } from './readable-rows.ts';
import type { Tables } from './schema.ts';

/** The last report of the doctor, and the last about all guests; those before are nobody's concern any more. */
export class DoctorReports {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
  }

  async put(report: DoctorReport): Promise<void> {
    const row = { finished_at: report.finishedAt, report: JSON.stringify(report) };
    for (const slot of report.complete ? ['last', 'complete'] : ['last']) {
      await this.#db
        .insertInto('doctor_reports')
        .values({ slot, ...row })
        .onConflict((conflict) => conflict.column('slot').doUpdateSet(row))
        .execute();
    }
  }

  /** Undefined where there is none, or only one of an older controller's that says something else. */
  async last(): Promise<DoctorReport | undefined> {
    return await this.#read('last');
  }

  async lastComplete(): Promise<DoctorReport | undefined> {
    return await this.#read('complete');
  }

  async #read(slot: 'last' | 'complete'): Promise<DoctorReport | undefined> {
    const row = await this.#db
      .selectFrom('doctor_reports')
      .select('report')
      .where('slot', '=', slot)
      .executeTakeFirst();
    const [report] = readableRows(
      row === undefined ? [] : [row],
      () => `the doctor's ${slot} report`,
      (one) => doctorReportSchema.parse(JSON.parse(one.report)),
      this.#onUnreadable,
    );
    return report;
  }
}
