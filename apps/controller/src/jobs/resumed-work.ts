import type { Backup, HeldSnapshot, Operation } from '@tacet/protocol';
import { Failure } from '../failure.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import type { Store } from '../store/open-store.ts';
import type { BackupDeps, FinishedBackup } from './backup-job.ts';
import { type DrillDeps, resumeDrill } from './drill-job.ts';
import type { OperationRecord } from './operation-record.ts';
import type { RestoreDeps } from './restore-job.ts';
import { nothingStarted, resumeBackup } from './resume-backup.ts';
import { resumeReplacement } from './resume-replacement.ts';
import { type RestoreSoFar, resumeRestore } from './resume-restore.ts';
import { resumeRollback } from './rollback-job.ts';
import { resumeSnapshot } from './snapshot-job.ts';

export type MakeBackup = (record: OperationRecord, signal: AbortSignal) => Promise<FinishedBackup>;

export type ResumeHook = (request: NodeRequest, startedAt: number) => MakeBackup;

/** @returns how it ended, in words. */
export type Work = (record: OperationRecord, signal: AbortSignal) => Promise<string>;

/** What going on with an operation takes. */
export interface Hands {
  readonly store: Store;
  readonly backup: BackupDeps;
  readonly restore: RestoreDeps;
  readonly drill: DrillDeps;
  /** Records what it makes. */
  readonly makeBackup: (make: MakeBackup, record: OperationRecord, signal: AbortSignal) => Promise<string>;
  readonly takeSnapshot: (take: () => Promise<HeldSnapshot>, record: OperationRecord) => Promise<string>;
}

/** An operation that a controller which is gone left running, with what the store has of it. */
interface SoFar {
  readonly operation: Operation;
  readonly order: RestoreSoFar['order'] | undefined;
  readonly requests: readonly NodeRequest[];
}

/** What is left to do of it. */
export function resumedWork(soFar: SoFar, hands: Hands, resumeHook: ResumeHook): Work {
  const { operation, order, requests } = soFar;
  const { id, kind, vmid } = operation;
  switch (kind) {
    case 'backup':
      return resumedBackup(soFar, hands, resumeHook);
    case 'restore': {
      const isCopy = order !== undefined || requests.length === 0;
      return (isCopy ? resumedCopy : resumedReplacement)(soFar, hands);
    }
    case 'snapshot':
      return async (record, signal) => {
        const [request] = requests;
        if (request === undefined) throw nothingStarted('snapshot');
        const take = (): Promise<HeldSnapshot> => resumeSnapshot(vmid, request, hands.backup, record, signal);
        return await hands.takeSnapshot(take, record);
      };
    case 'rollback':
      return async (record, signal) => {
        await resumeRollback(vmid, requests, hands.restore, record, signal);
        return `guest ${vmid} is rolled back and ready`;
      };
    case 'rehearsal':
      return async ({ cancelled }) => {
        cancelled.throwIfAborted();
        throw interruptedRehearsal();
      };
    case 'drill':
      return async (record, signal) => {
        const drill = await hands.store.drills.ofOperation(id);
        return await resumeDrill(drill, order?.id, requests, hands.drill, record, signal);
      };
  }
}

function interruptedRehearsal(): Failure {
  return new Failure('cancelled', 'the controller restarted during this rehearsal', {
    hint: 'What was held is thawed. Ask for it again.',
    retryable: true,
  });
}

export function describeRestored({ view }: OperationRecord, to: number): string {
  const isAwaited = view.steps.every(({ name }) => name !== 'not-awaited');
  return `guest ${to} is restored and ${isAwaited ? 'ready' : 'started'}`;
}

export function describeVerdict({ verdict }: Pick<Backup, 'verdict'>): string {
  return `${verdict.consistency}-consistent, ${verdict.message}`;
}

function resumedBackup({ operation, requests }: SoFar, hands: Hands, resumeHook: ResumeHook): Work {
  const { backup } = operation;
  const request = requests.at(-1);
  if (backup !== null) return async () => describeVerdict(backup); // all that was missing is that it has ended
  if (request === undefined) {
    return async ({ cancelled }) => {
      cancelled.throwIfAborted();
      throw nothingStarted('backup');
    };
  }
  const make: MakeBackup =
    request.what === 'hook'
      ? resumeHook(request, operation.startedAt)
      : (recorder, signal) => resumeBackup(operation, request, hands.backup, recorder, signal);
  return (record, signal) => hands.makeBackup(make, record, signal);
}

function resumedCopy({ order, requests }: SoFar, { restore: deps }: Hands): Work {
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
    return describeRestored(record, to);
  };
}

function resumedReplacement({ operation, requests }: SoFar, hands: Hands): Work {
  const { vmid } = operation;
  return async (record, signal) => {
    const last = requests.at(-1);
    if (operation.backup === null && last?.what === 'backup') {
      const make: MakeBackup = (one, within) => resumeBackup(operation, last, hands.backup, one, within);
      await hands.makeBackup(make, record, signal);
    }
    const before = record.view.backup ?? undefined;
    const backupId = await hands.store.operations.wantedBackup(operation.id);
    const onRestored = (): void => record.restored(vmid);
    await resumeReplacement({ vmid, before, backupId, requests }, hands.restore, record, onRestored, signal);
    return describeRestored(record, vmid);
  };
}
