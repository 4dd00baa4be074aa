import { randomUUID } from 'node:crypto';
import type { Backup, Operation } from '@tacet/protocol';
import { type Clock, deferred, describeError, ExclusiveRunner, type Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure } from '../failure.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import type { Store } from '../store/open-store.ts';
import { type BackupDeps, type FinishedBackup, runBackup } from './backup-job.ts';
import { newOperation, OperationRecord } from './operation-record.ts';
import type { Recorder } from './recorder.ts';
import { checkRestore, type RestoreDeps, type RestoreRequest, runRestore } from './restore-job.ts';
import { nothingStarted, resumeBackup } from './resume-backup.ts';
import { type RestoreSoFar, resumeRestore } from './resume-restore.ts';

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

export type MakeBackup = (recorder: Recorder, signal: AbortSignal) => Promise<FinishedBackup>;

type ResumeHook = (request: NodeRequest, startedAt: number) => MakeBackup;

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

  /** The guests of backups that a controller before this one began. */
  readonly #resumed = new Set<number>();

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  isBusy(vmid: number): boolean {
    return this.#runner.isBusy(vmid);
  }

  /** False where an operation only follows what was begun before a restart: it owes the guest no thaw. */
  mayHold(vmid: number): boolean {
    return this.isBusy(vmid) && !this.#resumed.has(vmid);
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

  /**
   * Goes on with what a controller that is gone left running. To be called before anything starts; it returns as
   * soon as all of it is under way.
   *
   * @param resumeHook makes what follows a backup that somebody else has asked of Proxmox VE.
   */
  async resume(resumeHook: ResumeHook): Promise<void> {
    const { store } = this.#options;
    for (const operation of await store.operations.running()) {
      const requests = await store.nodeRequests.of(operation.id);
      const order = await store.restoreOrders.ofOperation(operation.id);
      const record = new OperationRecord({ ...this.#options, operation, requests: requests.length });
      const work =
        operation.kind === 'backup'
          ? this.#resumedBackup(operation, requests.at(-1), resumeHook)
          : this.#resumedRestore(order, requests);
      const key = order?.targetVmid ?? operation.vmid;
      this.#remember(record);
      if (operation.kind === 'backup') this.#resumed.add(key);
      record.step('resumed', 'the controller restarted, and goes on from what it had written down');
      const running = this.#runner.run(key, async (signal) => {
        await this.#conclude(record, work, signal);
        this.#resumed.delete(key);
      });
      running.catch(() => undefined); // stopped before its turn came: the next start goes on with it
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
  async recordBackup(vmid: number, make: MakeBackup): Promise<Operation> {
    return await this.#start('backup', vmid, vmid, (record, signal) =>
      this.#makeBackup(make, record, signal),
    );
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
    const operation = newOperation(randomUUID(), kind, vmid, this.#options.clock.now());
    const record = new OperationRecord({ ...this.#options, operation, requests: 0 });
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
      await this.#conclude(record, work, signal);
    });
    running.catch(begun.reject); // only before it has begun; from then on its record says how it goes
    await begun.promise;
    return record.view;
  }

  /** Never rejects. What goes on in a node while this controller stops is left for the next one to follow. */
  async #conclude(record: OperationRecord, work: Work, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    try {
      await record.finish({ message: await work(record, signal) });
    } catch (error) {
      if (signal.aborted && record.hasAsked && record.isWritten) {
        await record.leave('the controller was stopped; it goes on from here when it is back');
        return;
      }
      log.warn('an operation failed', { operationId: record.operationId, error });
      await record.finish({ error });
    }
    if (record.isWritten) this.#records.delete(record.operationId);
  }

  async #makeBackup(make: MakeBackup, record: OperationRecord, signal: AbortSignal): Promise<string> {
    const { store } = this.#options;
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
    return describe(backup);
  }

  #resumedBackup(operation: Operation, request: NodeRequest | undefined, resumeHook: ResumeHook): Work {
    const { backup } = operation;
    if (backup !== null) return async () => describe(backup); // all that was missing is that it has ended
    if (request === undefined) return () => Promise.reject(nothingStarted('backup'));
    const make: MakeBackup =
      request.what === 'hook'
        ? resumeHook(request, operation.startedAt)
        : (recorder, signal) => resumeBackup(operation, request, this.#options.backup, recorder, signal);
    return (record, signal) => this.#makeBackup(make, record, signal);
  }

  #resumedRestore(order: RestoreSoFar['order'] | undefined, requests: readonly NodeRequest[]): Work {
    const { restore: deps } = this.#options;
    const restore = requests.find(({ what }) => what === 'restore');
    const start = requests.findLast(({ what }) => what === 'start');
    return async (record, signal) => {
      if (order === undefined) throw nothingStarted('restore');
      if (restore === undefined) {
        await deps.orders.close(order.id);
        throw nothingStarted('restore');
      }
      const { targetVmid: to } = order;
      await resumeRestore({ order, restore, start }, deps, record, () => record.restored(to), signal);
      return `guest ${to} is restored and ready`;
    };
  }

  #remember(record: OperationRecord): void {
    this.#records.set(record.operationId, record);
    for (const [id, { view }] of this.#records) {
      if (this.#records.size <= MAX_REMEMBERED) return;
      if (view.state !== 'running') this.#records.delete(id);
    }
  }
}

function describe({ verdict }: Backup): string {
  return `${verdict.consistency}-consistent, ${verdict.message}`;
}
