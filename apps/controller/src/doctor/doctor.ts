import type { BackupReady, DoctorReport } from '@tacet/protocol';
import { type Logger, withDeadline } from '@tacet/runtime';
import type { DoctorReports } from '../store/doctor-reports.ts';
import { asker } from './attempt.ts';
import { checks } from './checks.ts';
import { examine } from './examine.ts';
import { gatherFacts, type HousePorts } from './gather.ts';

/** Shorter than a client waits for an answer. What was not answered by then counts as not known. */
const DEADLINE_MS = 30_000;
/** So that an examination at the same hour of every day keeps it known. */
const GOOD_FOR_MS = 26 * 3_600_000;

export interface DoctorOptions extends HousePorts {
  readonly reports: DoctorReports;
  readonly log: Logger;
}

/** Finds what would make a backup or a restore fail, or worth less, before one is needed. Changes nothing. */
export class Doctor {
  readonly #options: DoctorOptions;
  /** By VMID; read from the store when it is asked for first. */
  #ready: ReadonlyMap<number, BackupReady> | undefined;

  constructor(options: DoctorOptions) {
    this.#options = options;
  }

  /** @throws the signal's reason when it aborts. */
  async examine(vmids: readonly number[] | undefined, signal: AbortSignal): Promise<DoctorReport> {
    const { clock, reports, log } = this.#options;
    const startedAt = clock.now();
    using deadline = withDeadline(signal, DEADLINE_MS, 'the examination', clock);
    const facts = await gatherFacts(this.#options, vmids, asker(signal, deadline.signal));
    const finishedAt = clock.now();
    const complete = vmids === undefined;
    const report: DoctorReport = { startedAt, finishedAt, complete, ...examine(facts, checks, finishedAt) };
    this.#ready = new Map([...(complete ? [] : await this.#examined()), ...readyIn(report)]);
    try {
      await reports.put(report);
    } catch (error) {
      // A full disk is what one examines a house for.
      log.error('a report of the doctor could not be stored', { error });
    }
    return report;
  }

  async last(): Promise<DoctorReport | undefined> {
    return await this.#options.reports.last();
  }

  /** By VMID, of each guest as it was examined last. What was found long ago says nothing about tonight. */
  async backupReady(): Promise<ReadonlyMap<number, BackupReady>> {
    const oldest = this.#options.clock.now() - GOOD_FOR_MS;
    const examined = await this.#examined();
    return new Map(
      [...examined].map(([vmid, ready]) => [vmid, ready.examinedAt < oldest ? outdated(ready) : ready]),
    );
  }

  async #examined(): Promise<ReadonlyMap<number, BackupReady>> {
    const { reports } = this.#options;
    this.#ready ??= new Map([...readyIn(await reports.lastComplete()), ...readyIn(await reports.last())]);
    return this.#ready;
  }
}

function outdated({ examinedAt }: BackupReady): BackupReady {
  const message = 'nobody has examined it for more than a day: tacet doctor does';
  return { status: 'Unknown', reason: 'Outdated', message, examinedAt };
}

function readyIn(report: DoctorReport | undefined): [number, BackupReady][] {
  return (report?.guests ?? []).map(({ vmid, backupReady }) => [vmid, backupReady]);
}
