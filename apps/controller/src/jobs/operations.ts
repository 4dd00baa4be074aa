import { randomUUID } from 'node:crypto';
import type { Backup, BackupOptions, GuestSnapshot, HeldSnapshot, Operation } from '@tacet/protocol';
import { type Clock, deferred, describeError, ExclusiveRunner, type Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure } from '../failure.ts';
import type { StoredDrill } from '../store/drills.ts';
import type { Store } from '../store/open-store.ts';
import { isNewer, type Position } from '../store/position.ts';
import { type BackupDeps, runBackup } from './backup-job.ts';
import { cancellation } from './cancellation.ts';
import { abandonDrill, type DrillDeps, planDrill, requireAddress, runDrill } from './drill-job.ts';
import { giveUp, giveUpUnreadable, neverAsked } from './give-up.ts';
import { newOperation, OperationRecord, type Start } from './operation-record.ts';
import { requireAgent, runRehearsal } from './rehearsal-job.ts';
import { checkReplacement, isInPlace, type ReplaceRequest, runReplacement } from './replace-job.ts';
import { checkRestore, type RestoreDeps, runRestore } from './restore-job.ts';
import {
  describeRestored,
  describeVerdict,
  type Hands,
  type MakeBackup,
  type ResumeHook,
  resumedWork,
  type Work,
} from './resumed-work.ts';
import { checkRollback, runRollback } from './rollback-job.ts';
import { describeSnapshots, listSnapshots, runSnapshot } from './snapshot-job.ts';

export interface OperationsOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly backup: BackupDeps;
  readonly restore: RestoreDeps;
  readonly drill?: Omit<DrillDeps, keyof RestoreDeps>;
  /** Told of every operation that has ended, however it did. */
  readonly onEnded?: (operation: Operation) => void;
}

/** What a store with a full disk did not take is remembered up to here. */
const MAX_REMEMBERED = 100;

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

  /** Those that are under way. */
  running(): Operation[] {
    return [...this.#records.values()].map(({ view }) => view).filter(({ state }) => state === 'running');
  }

  async get(id: string): Promise<Operation | undefined> {
    return this.#records.get(id)?.view ?? (await this.#options.store.operations.get(id));
  }

  /** Newest first. @param before where the page before ended */
  async list(limit: number, before?: Position): Promise<Operation[]> {
    const remembered = [...this.#records.values()]
      .map(({ view }) => view)
      .filter(({ startedAt: at, id }) => before === undefined || isNewer(before, { at, id }));
    const stored = await this.#options.store.operations.list(limit, before);
    return [...remembered, ...stored.filter(({ id }) => !this.#records.has(id))]
      .toSorted((one, other) =>
        isNewer({ at: one.startedAt, id: one.id }, { at: other.startedAt, id: other.id }) ? -1 : 1,
      )
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
    await giveUpUnreadable(this.#options);
    const goesOn = new Set<string>(); // what is left of a drill is its own to clean up, then
    for (const operation of await store.operations.running()) {
      try {
        await this.#goOn(operation, resumeHook);
        goesOn.add(operation.id);
      } catch (error) {
        await giveUp(operation, error, this.#options);
      }
    }
    const left = (await store.drills.abandoned()).filter(({ operationId }) => !goesOn.has(operationId));
    for (const drill of left) this.#cleanUp(drill);
  }

  /**
   * Returns as soon as it is recorded, under the id that is given, or a new one.
   * @throws Failure `conflict` while another operation on the guest runs.
   */
  async backup(vmid: number, options: Partial<BackupOptions> = {}, id?: string): Promise<Operation> {
    const { backup: deps } = this.#options;
    this.#refuseBusy(vmid);
    const make: MakeBackup = (record, signal) =>
      runBackup({ ...options, vmid, cancelled: record.cancelled }, deps, record, signal);
    return await this.recordBackup(vmid, make, { id, cancellable: true });
  }

  /**
   * A backup that `make` makes, or only follows where somebody else has asked for it. Where another operation on
   * the guest runs, it begins after that.
   */
  async recordBackup(vmid: number, make: MakeBackup, how: Start = {}): Promise<Operation> {
    const work: Work = (record, signal) => this.#makeBackup(make, record, signal);
    return await this.#start('backup', vmid, vmid, work, how);
  }

  /** @throws Failure `conflict` where the target is taken, `invalid-input` where nobody may restore. */
  async restore(request: ReplaceRequest, signal: AbortSignal): Promise<Operation> {
    const { restore: deps } = this.#options;
    const { backup, to } = request;
    const inPlace = isInPlace(request);
    await (inPlace ? checkReplacement : checkRestore)(request, deps.nodes, signal);
    this.#refuseBusy(to);
    return await this.#start('restore', backup.vmid, to, async (record, signal) => {
      const onRestored = (): void => record.restored(to);
      if (inPlace) {
        await this.#options.store.operations.wanting(record.operationId, backup.id);
        const makeSafetyBackup = async (): Promise<Backup> => {
          const order = { vmid: to, keepOthers: true };
          await this.#makeBackup(
            (one, within) => runBackup(order, this.#options.backup, one, within),
            record,
            signal,
          );
          return record.backup;
        };
        await runReplacement(request, { ...deps, makeSafetyBackup }, record, onRestored, signal);
      } else {
        await runRestore(request, deps, record, onRestored, signal);
      }
      return describeRestored(record, to);
    });
  }

  /** @throws Failure `guest-not-connected`, `guest-quarantined`, `conflict` while another operation on it runs. */
  async rehearse(vmid: number): Promise<Operation> {
    const { backup: deps } = this.#options;
    requireAgent(vmid, deps.agents, 'Nothing in this guest can be held until its agent is back.');
    this.#refuseBusy(vmid);
    const work: Work = (record, signal) => {
      const wanted = AbortSignal.any([signal, record.cancelled]);
      return runRehearsal(vmid, deps, record, wanted);
    };
    return await this.#start('rehearsal', vmid, vmid, work, { cancellable: true });
  }

  /**
   * Returns as soon as it is recorded, while what was begun is undone: a hold is thawed first, then the node is asked
   * to stop. A controller that comes back goes on with it.
   *
   * @param by who asks, in words
   * @throws Failure `not-found`, `conflict` for what has ended or is not cancelled
   */
  async cancel(id: string, by: string): Promise<Operation> {
    const record = this.#records.get(id);
    if (record === undefined) {
      if ((await this.#options.store.operations.get(id)) === undefined) {
        throw new Failure('not-found', `no operation ${id}`);
      }
      throw new Failure('conflict', 'this operation has ended', { hint: 'There is nothing to cancel.' });
    }
    record.cancel(cancellation(by));
    await record.written(); // what is answered outlives this controller
    return record.view;
  }

  /** A backup goes before a rehearsal. @returns whether there was one, and nothing else is in the way */
  endRehearsal(vmid: number): boolean {
    const records = [...this.#records.values()].filter(({ view }) => view.state === 'running');
    const rehearsal = records.find(({ view }) => view.vmid === vmid && view.kind === 'rehearsal');
    if (rehearsal?.view.cancellable === true) rehearsal.cancel(cancellation('a backup that comes before it'));
    return rehearsal !== undefined;
  }

  /** To be told to whoever reads how an operation on this guest went. */
  note(vmid: number, name: string, message: string): void {
    for (const record of this.#records.values()) {
      if (record.view.vmid === vmid && record.view.state === 'running') record.step(name, message);
    }
  }

  /** Returns as soon as it is recorded. @throws Failure `conflict` while another operation on the guest runs. */
  async snapshot(vmid: number, before: string): Promise<Operation> {
    this.#refuseBusy(vmid);
    return await this.#start('snapshot', vmid, vmid, (record, signal) =>
      this.#takeSnapshot(() => runSnapshot({ vmid, before }, this.#options.backup, record, signal), record),
    );
  }

  /** Newest first, as the guest's node lists them. @throws Failure */
  async snapshots(vmid: number, signal: AbortSignal): Promise<GuestSnapshot[]> {
    const { store, restore } = this.#options;
    const listed = await listSnapshots(vmid, restore.nodes, signal);
    return describeSnapshots(listed, await store.snapshots.ofGuest(vmid));
  }

  /** @param name the newest of Tacet's own when undefined. @throws Failure `conflict`, `not-found`, `invalid-input` */
  async rollBack(vmid: number, name: string | undefined, signal: AbortSignal): Promise<Operation> {
    const { restore: deps } = this.#options;
    const chosen = await checkRollback(vmid, name, deps.nodes, signal);
    this.#refuseBusy(vmid);
    return await this.#start('rollback', vmid, vmid, async (record, signal) => {
      await runRollback({ vmid, name: chosen }, deps, record, signal);
      return `guest ${vmid} is as it was in ${chosen}, and ready`;
    });
  }

  /**
   * Returns as soon as it is recorded, under the id that is given, or a new one.
   * @throws Failure `invalid-input` where no drill is configured, `conflict` where there is no place for one.
   */
  async drill(backup: Backup, signal: AbortSignal, id?: string): Promise<Operation> {
    const deps = this.#drillDeps;
    const isBusy = (vmid: number): boolean => this.isBusy(vmid);
    const request = await planDrill(backup, deps, isBusy, signal);
    const { scratch } = request;
    // Another may have been planned in the meantime. From here to the start nothing is awaited.
    this.#refuseBusy(scratch);
    if (deps.policy !== undefined) requireAddress(deps.policy, isBusy);
    const work: Work = (record, within) => runDrill(request, deps, record, within);
    return await this.#start('drill', backup.vmid, scratch, work, { id });
  }

  /** Cancels what runs and waits for its end: a hold is thawed first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner.close(
      new Failure('internal', 'the controller was stopped', {
        hint: 'What Proxmox VE had begun goes on by itself.',
      }),
    );
  }

  async #goOn(operation: Operation, resumeHook: ResumeHook): Promise<void> {
    const { store } = this.#options;
    const requests = await store.nodeRequests.of(operation.id);
    const order = await store.restoreOrders.ofOperation(operation.id);
    // What somebody else has begun at a node only its own owner may stop there.
    const isOwnBackup = operation.kind === 'backup' && requests.at(-1)?.what === 'backup';
    const shown: Operation = isOwnBackup ? { ...operation, cancellable: true } : operation;
    const record = new OperationRecord({ ...this.#options, operation: shown, requests: requests.length });
    const work = resumedWork({ operation, order, requests }, this.#hands, resumeHook);
    const drill = await store.drills.ofOperation(operation.id);
    const key = drill?.scratchVmid ?? order?.targetVmid ?? operation.vmid;
    this.#remember(record);
    if (key === operation.vmid) this.#resumed.add(key);
    record.step('resumed', 'the controller restarted, and goes on from what it had written down');
    const running = this.#runner.run(key, async (signal) => {
      await this.#conclude(record, work, signal);
      this.#resumed.delete(key);
    });
    running.catch(() => undefined); // stopped before its turn came: the next start goes on with it
  }

  /** Of a drill whose operation has ended; that stays as it ended, with the steps that come. */
  #cleanUp(drill: StoredDrill): void {
    const { store, log } = this.#options;
    const { operationId, scratchVmid } = drill;
    const cleaning = this.#runner.run(scratchVmid, async (signal) => {
      const operation = await store.operations.outline(operationId);
      if (operation === undefined) return;
      const requests = await store.nodeRequests.of(operationId);
      const order = await store.restoreOrders.ofOperation(operationId);
      const record = new OperationRecord({ ...this.#options, operation, requests: requests.length });
      if (order !== undefined) await store.restoreOrders.close(order.id);
      await abandonDrill(drill, requests, this.#drillDeps, record, signal);
    });
    // The next start tries again.
    cleaning.catch((error: unknown) => log.warn('a drill was not cleaned up', { operationId, error }));
  }

  #refuseBusy(key: number): void {
    if (!this.#runner.isBusy(key)) return;
    throw new Failure('conflict', `another operation on guest ${key} is running`, {
      hint: 'Wait for its end; tacet operation lists what runs.',
      retryable: true,
    });
  }

  /** @param key the VMID that the operation keeps for itself. */
  async #start(
    kind: Operation['kind'],
    vmid: number,
    key: number,
    work: Work,
    { id = randomUUID(), cancellable = false }: Start = {},
  ): Promise<Operation> {
    const operation = newOperation(id, kind, vmid, this.#options.clock.now(), cancellable);
    const record = new OperationRecord({ ...this.#options, operation, requests: 0 });
    const begun = deferred();
    const running = this.#runner.run(key, async (signal) => {
      try {
        await record.begin();
      } catch (error) {
        // A backup is made all the same. Nothing else is: a copy would be a stranger, and what is left nobody's.
        if (kind !== 'backup') throw error;
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
      await record.finish({ error: signal.aborted && !record.hasAsked ? neverAsked(error) : error });
    }
    if (record.isWritten) this.#records.delete(record.operationId);
    this.#options.onEnded?.(record.view);
  }

  async #makeBackup(make: MakeBackup, record: OperationRecord, signal: AbortSignal): Promise<string> {
    const { store } = this.#options;
    const finished = await make(record, signal);
    const { operationId, view } = record;
    const origin = view.kind === 'restore' ? 'restore' : finished.backup.origin;
    const backup = { id: randomUUID(), operationId, ...finished.backup, origin };
    record.made(backup);
    try {
      await store.backups.create(backup, finished.storage);
    } catch (error) {
      record.step(
        'not-recorded',
        `the backup stands, but this controller will forget it: ${describeError(error)}`,
      );
    }
    return describeVerdict(backup);
  }

  async #takeSnapshot(take: () => Promise<HeldSnapshot>, record: OperationRecord): Promise<string> {
    const snapshot = await take();
    record.took(snapshot);
    await this.#options.store.snapshots.create(snapshot);
    return `${snapshot.name}, ${describeVerdict(snapshot)}`;
  }

  get #drillDeps(): DrillDeps {
    const { restore, drill, store } = this.#options;
    const none = { drills: store.drills, policy: undefined, forgetGuest: async () => undefined };
    return { ...restore, ...(drill ?? none) };
  }

  get #hands(): Hands {
    return {
      ...this.#options,
      drill: this.#drillDeps,
      makeBackup: (make, record, signal) => this.#makeBackup(make, record, signal),
      takeSnapshot: (take, record) => this.#takeSnapshot(take, record),
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
