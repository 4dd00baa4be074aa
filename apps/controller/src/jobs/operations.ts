import { randomUUID } from 'node:crypto';
import type { Operation } from '@tacet/protocol';
import { type Clock, deferred, describeError, ExclusiveRunner, type Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure, toWireError } from '../failure.ts';
import type { Store } from '../store/open-store.ts';
import { type BackupDeps, type FinishedBackup, runBackup } from './backup-job.ts';
import { OperationRecord } from './operation-record.ts';
import type { Recorder } from './recorder.ts';
import { checkRestore, type RestoreDeps, type RestoreRequest, runRestore } from './restore-job.ts';

export interface OperationsOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly backup: BackupDeps;
  readonly restore: RestoreDeps;
}

/** What a store with a full disk did not take is remembered up to here. */
const MAX_REMEMBERED = 100;

/** @returns how it ended, in words. */
type Work = (record: OperationRecord, signal: AbortSignal) => Promise<string>;

/**
 * Starts operations, and keeps those of one guest apart: at most one at a time concerns a VMID, be it as the
 * guest that is backed up or as the one that a restore makes.
 */
export class Operations implements AsyncDisposable {
  readonly #options: OperationsOptions;
  readonly #runner = new ExclusiveRunner<number>();
  /** Those that run, and those that have ended and are not (wholly) in the store; oldest first. */
  readonly #records = new Map<string, OperationRecord>();

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  isBusy(vmid: number): boolean {
    return this.#runner.isBusy(vmid);
  }

  async get(id: string): Promise<Operation | undefined> {
    return this.#records.get(id)?.view ?? (await this.#options.store.operations.get(id));
  }

  /** Newest first. */
  async list(limit: number): Promise<Operation[]> {
    const remembered = [...this.#records.values()].map(({ view }) => view);
    const stored = await this.#options.store.operations.list(limit);
    return [...remembered, ...stored.filter(({ id }) => !this.#records.has(id))]
      .toSorted((one, other) => other.startedAt - one.startedAt)
      .slice(0, limit);
  }

  /** Ends, in the store, what a controller that is gone left running. To be called before anything starts. */
  async settleAbandoned(): Promise<void> {
    const { store, clock, events } = this.#options;
    for (const { id, vmid, kind } of await store.operations.running()) {
      const error = toWireError(
        new Failure('internal', `the controller restarted while this ${kind} ran`, {
          hint: 'What Proxmox VE had begun went on by itself; a hold ended with its lease.',
        }),
      );
      await store.operations.finish(id, { at: clock.now(), restoredTo: null, error });
      const data = { operationId: id, kind, state: 'failed', code: error.code };
      const words = `${kind} of guest ${vmid} failed: ${error.message}`;
      await events.record('operation.finished', words, { guestId: null, vmid }, data);
    }
  }

  /** Returns as soon as it is recorded. @throws Failure `conflict` while another operation on the guest runs. */
  async backup(vmid: number, storage: string | undefined): Promise<Operation> {
    const { backup: deps } = this.#options;
    this.#refuseBusy(vmid);
    return await this.recordBackup(vmid, (recorder, signal) =>
      runBackup({ vmid, storage }, deps, recorder, signal),
    );
  }

  /**
   * A backup that `make` makes, or only follows where somebody else has asked for it. Where another operation on
   * the guest runs, it begins after that.
   */
  async recordBackup(
    vmid: number,
    make: (recorder: Recorder, signal: AbortSignal) => Promise<FinishedBackup>,
  ): Promise<Operation> {
    const { store } = this.#options;
    return await this.#start('backup', vmid, vmid, async (record, signal) => {
      const finished = await make(record, signal);
      const { operationId } = record;
      const backup = { id: randomUUID(), operationId, ...finished.backup };
      record.made(backup);
      try {
        await store.backups.create(backup, finished.storage);
      } catch (error) {
        record.step(
          'not-recorded',
          `the backup stands, but this controller will forget it: ${describeError(error)}`,
        );
      }
      return `${backup.verdict.consistency}-consistent, ${backup.verdict.message}`;
    });
  }

  /** @throws Failure `conflict` where the target is taken, `invalid-input` where nobody may restore. */
  async restore(request: RestoreRequest, signal: AbortSignal): Promise<Operation> {
    const { restore: deps } = this.#options;
    const { backup, to } = request;
    await checkRestore(request, deps.nodes, signal);
    this.#refuseBusy(to);
    return await this.#start('restore', backup.vmid, to, async (record, signal) => {
      await runRestore(request, deps, record, () => record.restored(to), signal);
      return `guest ${to} is restored and ready`;
    });
  }

  /** Cancels what runs and waits for its end: a hold is thawed first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner.close(
      new Failure('internal', 'the controller was stopped', {
        hint: 'What Proxmox VE had begun goes on by itself.',
      }),
    );
  }

  #refuseBusy(key: number): void {
    if (!this.#runner.isBusy(key)) return;
    throw new Failure('conflict', `another operation on guest ${key} is running`, {
      hint: 'Wait for its end; GET /api/v1/operations lists what runs.',
      retryable: true,
    });
  }

  /** @param key the VMID that the operation keeps for itself. */
  async #start(kind: Operation['kind'], vmid: number, key: number, work: Work): Promise<Operation> {
    const { log } = this.#options;
    const record = new OperationRecord({ ...this.#options, id: randomUUID(), kind, vmid });
    const begun = deferred();
    const running = this.#runner.run(key, async (signal) => {
      try {
        await record.begin();
      } catch (error) {
        // A backup is made all the same. A restore is not: its copy would be a stranger.
        if (kind === 'restore') throw error;
      }
      this.#remember(record);
      begun.resolve();
      try {
        await record.finish({ message: await work(record, signal) });
      } catch (error) {
        log.warn('an operation failed', { operationId: record.operationId, error });
        await record.finish({ error });
      }
      if (record.isWritten) this.#records.delete(record.operationId);
    });
    running.catch(begun.reject); // only before it has begun; from then on its record says how it goes
    await begun.promise;
    return record.view;
  }

  #remember(record: OperationRecord): void {
    this.#records.set(record.operationId, record);
    for (const [id, { view }] of this.#records) {
      if (this.#records.size <= MAX_REMEMBERED) return;
      if (view.state !== 'running') this.#records.delete(id);
    }
  }
}
