import { type BackupObservation, judge } from '@tacet/core';
import type { Backup, Verdict } from '@tacet/protocol';
import { ForbiddenError, MissingError, ProxmoxError } from '@tacet/proxmox';
import { backoff, type Clock, describeError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import { type TaskSightings, watchBackup } from './backup-attempt.ts';
import { finishBackup, requireMade, withSightings } from './conclude-backup.ts';
import { mayBeUnderWay } from './find-task.ts';
import { type JobClock, jobClock } from './job-clock.ts';
import type { AgentPort, NodePort, NodesPort, StartedTask } from './ports.ts';
import { type QuiesceLimits, QuiesceWindow } from './quiesce-window.ts';
import type { Recorder } from './recorder.ts';

export interface BackupDeps {
  readonly agents: AgentPort;
  readonly nodes: NodesPort;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: QuiesceLimits & { readonly backupDeadlineMs: number };
}

export interface BackupRequest {
  readonly vmid: number;
  /** The node's configured one when undefined. */
  readonly storage: string | undefined;
}

export interface FinishedBackup {
  readonly backup: Omit<Backup, 'id' | 'operationId'>;
  readonly storage: string;
}

const RETRY = { baseMs: 20_000, capMs: 120_000 };
/** A busy node is waited for; one that does not answer is somebody's problem to look at. */
const UNREACHABLE_PATIENCE_MS = 600_000;

/**
 * A backup in API mode: prepare, hold, ask Proxmox VE for it, thaw at the line that proves the snapshot, judge.
 * The backup is made whether or not anything could be held; only the verdict differs.
 *
 * @throws Failure when there is no backup.
 */
export async function runBackup(
  { vmid, storage: wanted }: BackupRequest,
  deps: BackupDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<FinishedBackup> {
  const node = await deps.nodes.locate(vmid, signal);
  const storage = wanted ?? node.backupStorage;
  await requireBackupStorage(node, storage, recorder, signal);
  const job = new BackupJob({ vmid, node, storage, deps, recorder, signal });
  return await job.run();
}

interface JobContext {
  readonly vmid: number;
  readonly node: NodePort;
  readonly storage: string;
  readonly deps: BackupDeps;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** Made, or why it must be tried again later. */
type Attempt =
  | { readonly kind: 'done'; readonly seen: TaskSightings; readonly verdict: Verdict }
  | {
      readonly kind: 'later';
      readonly code: 'node-busy' | 'node-unreachable';
      readonly why: string;
      readonly error: unknown;
    };

class BackupJob {
  readonly #context: JobContext;
  readonly #now: JobClock;
  /** Tasks that were there before this job, and those it has followed to their end. */
  readonly #known = new Set<string>();
  /** False where those from before could not be listed: then none that appears is known to be this job's. */
  #knowsBefore = false;
  #attempts = 0;

  constructor(context: JobContext) {
    this.#context = context;
    this.#now = jobClock(context.deps.clock);
  }

  async run(): Promise<FinishedBackup> {
    const { deps, node, vmid, recorder, signal } = this.#context;
    const startedAt = this.#now();
    const { backupDeadlineMs } = deps.limits;
    const patienceMs = {
      'node-busy': backupDeadlineMs,
      'node-unreachable': Math.min(backupDeadlineMs, UNREACHABLE_PATIENCE_MS),
    };
    const unfit = await this.#whyNotToHold();
    if (unfit !== undefined) recorder.step('not-held', unfit);
    const before = await this.#tasksOf(node);
    this.#knowsBefore = before !== null;
    for (const task of before ?? []) this.#known.add(task.upid);

    for (const delayMs of backoff({ ...RETRY, random: deps.random })) {
      const attempt = await this.#attempt(unfit);
      if (attempt.kind === 'done') {
        return await finishBackup(this.#context, attempt.seen, attempt.verdict, startedAt, this.#now);
      }
      if (this.#now() + delayMs - startedAt > patienceMs[attempt.code]) {
        throw new Failure(attempt.code, `no backup of guest ${vmid} could be started: ${attempt.why}`, {
          retryable: true,
          cause: attempt.error,
        });
      }
      recorder.step(
        'waiting',
        `${attempt.why}; next try in ${Math.round(delayMs / 1000)} s, nothing is held`,
      );
      await deps.clock.sleep(delayMs, signal);
    }
    throw new Failure('internal', 'unreachable: the delays have no end');
  }

  async #attempt(unfit: string | undefined): Promise<Attempt> {
    const orphan = await this.#startedUnseen();
    this.#context.signal.throwIfAborted();
    if (orphan !== undefined) return await this.#follow(orphan, undefined, lostAnswer());

    this.#attempts += 1;
    await this.#noteRequest(); // before anything is held: a stall does not wait for a disk
    const window = unfit === undefined ? this.#newWindow() : undefined;
    try {
      const notHeldBecause = unfit ?? (await window?.open());
      const seen = { ...nothingSeen(), notHeldBecause, backupRequestedAt: this.#now() };
      const task = await this.#post();
      if ('kind' in task) return task;
      return await this.#follow(task, window, seen);
    } finally {
      await window?.thaw('the job leaves its hold');
    }
  }

  async #noteRequest(): Promise<void> {
    const { deps, node, vmid, storage, recorder, signal } = this.#context;
    const known = this.#knowsBefore ? [...this.#known] : null;
    const askedAt = deps.clock.now();
    await recorder.asking({ what: 'backup', node: node.name, vmid, storage, volid: null, askedAt, known });
    signal.throwIfAborted();
  }

  /** Asks Proxmox VE for the backup. Whatever is held stays held only if it has said yes. */
  async #post(): Promise<StartedTask | Attempt> {
    const { node, vmid, storage, recorder, signal } = this.#context;
    try {
      const task = await node.startBackup(vmid, storage, signal);
      recorder.step('requested', `${node.name} accepted the backup: ${task.upid}`);
      return task;
    } catch (error) {
      signal.throwIfAborted();
      if (!mayBeUnderWay(error)) {
        throw asNodeFailure(error, `${node.name} refused the backup of guest ${vmid}`);
      }
      // A POST whose answer was lost may have started its task: the next attempt looks before it asks again.
      recorder.step('request-lost', describeError(error));
      return { kind: 'later', code: 'node-unreachable', why: `${node.name} did not answer`, error };
    }
  }

  async #follow(
    task: StartedTask,
    window: QuiesceWindow | undefined,
    seen: BackupObservation,
  ): Promise<Attempt> {
    const { deps, node, recorder, signal } = this.#context;
    this.#known.add(task.upid);
    const observe = (sightings?: TaskSightings): BackupObservation => {
      const held = {
        ...seen,
        plan: window?.plan,
        holdConfirmedAt: window?.holdConfirmedAt,
        thawSentAt: window?.thawSentAt,
        leaseLeftMs: window?.leaseLeftMs,
        thaw: window?.thawed,
      };
      return sightings === undefined ? held : withSightings(held, sightings);
    };
    recorder.accepted(task.upid, observe());
    const sightings = await watchBackup({
      task,
      window,
      pollMs: node.pollMs,
      deadlineMs: deps.limits.backupDeadlineMs,
      now: this.#now,
      recorder,
      signal,
      onThawed: (soFar) => recorder.observed(observe(soFar)),
    });
    await window?.thaw('the job leaves its hold');
    const end = await requireMade(this.#context, sightings);
    if (end.kind === 'busy') {
      return {
        kind: 'later',
        code: 'node-busy',
        why: `another backup runs on ${node.name}`,
        error: end.error,
      };
    }
    return { kind: 'done', seen: sightings, verdict: judge(observe(sightings)) };
  }

  /** For what a backup can do without: a backup that is made is not given up for it, nor when cancelled. */
  async #try<T>(step: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      this.#context.recorder.step(step, describeError(error));
      return null;
    }
  }

  /** Where the storage cannot snapshot, vzdump copies a running guest for minutes: no hold can span that. */
  async #whyNotToHold(): Promise<string | undefined> {
    const { node, vmid, signal } = this.#context;
    const can = await this.#try('feature-unknown', () => node.canSnapshot(vmid, signal));
    // Unknown is not no: should vzdump fall back after all, its log says so and the hold ends there.
    return can === false
      ? 'the storage of this guest cannot snapshot, so Proxmox VE copies it while it runs'
      : undefined;
  }

  /** A task of this guest that appeared since the job began, without this job having seen its start. */
  async #startedUnseen(): Promise<StartedTask | undefined> {
    if (this.#attempts === 0 || !this.#knowsBefore) return undefined;
    const tasks = await this.#tasksOf(this.#context.node);
    return tasks?.find((task) => !this.#known.has(task.upid));
  }

  async #tasksOf(node: NodePort): Promise<readonly StartedTask[] | null> {
    const { vmid, signal } = this.#context;
    return await this.#try('tasks-unknown', () => node.ownTasks('vzdump', vmid, signal));
  }

  #newWindow(): QuiesceWindow {
    const { vmid, deps, recorder, signal } = this.#context;
    const suffix = this.#attempts === 1 ? '' : `.${this.#attempts}`;
    const quiesceId = recorder.operationId + suffix;
    const { agents, clock, limits } = deps;
    return new QuiesceWindow({ agents, vmid, quiesceId, limits, clock, now: this.#now, recorder, signal });
  }
}

export function nothingSeen(): BackupObservation {
  return {
    plan: undefined,
    notHeldBecause: undefined,
    holdConfirmedAt: undefined,
    backupRequestedAt: undefined,
    mode: undefined,
    snapshotSeenAt: undefined,
    snapshotLine: undefined,
    thawSentAt: undefined,
    leaseLeftMs: undefined,
    thaw: undefined,
  };
}

export function lostAnswer(): BackupObservation {
  return {
    ...nothingSeen(),
    notHeldBecause:
      'the answer to the request for the backup was lost, so the guest was thawed before the snapshot was seen',
  };
}

/** Refused before anything is quiesced: a target that cannot take backups. */
async function requireBackupStorage(
  node: NodePort,
  storage: string,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  try {
    const content = await node.storageContent(storage, signal);
    if (content.includes('backup')) return;
    throw new Failure(
      'invalid-input',
      `the storage ${storage} holds no backups, only ${content.join(', ')}`,
      {
        hint: `Add the content type backup to it, or name another: tacet backup VMID --storage STORAGE`,
      },
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ProxmoxError)) throw error;
    const final = error instanceof MissingError || error instanceof ForbiddenError;
    if (final) throw asNodeFailure(error, `the storage ${storage} cannot be used on ${node.name}`);
    recorder.step('storage-unknown', describeError(error));
  }
}
