import { type BackupObservation, judge, pruneBackupsOf } from '@tacet/core';
import type { Backup, BackupOptions, Verdict } from '@tacet/protocol';
import { ForbiddenError, GuestNotHereError } from '@tacet/proxmox';
import { backoff, type Clock, describeError, TacetError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import { type TaskSightings, watchBackup } from './backup-attempt.ts';
import { requireBackupGrants } from './backup-grants.ts';
import { requireBackupStorage } from './backup-storage.ts';
import { stopWhenCancelled, thawWhenCancelled, unlessStopped } from './cancellation.ts';
import { lostAnswer, nothingSeen } from './nothing-seen.ts';
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

export interface BackupRequest extends Partial<BackupOptions> {
  readonly vmid: number;
  /** No older backup is removed for this one. */
  readonly keepOthers?: boolean;
  /** Aborts when somebody does not want it any more; its reason is a `cancelled`. */
  readonly cancelled?: AbortSignal | undefined;
}

export interface FinishedBackup {
  readonly backup: Omit<Backup, 'id' | 'operationId'>;
  readonly storage: string;
}

/** For the thaw to come before the end of the lease. */
const THAW_WAY_MS = 2_000;
const RETRY = { baseMs: 20_000, capMs: 120_000 };
/** A busy node is waited for; one that does not answer is somebody's problem to look at. */
const UNREACHABLE_PATIENCE_MS = 600_000;

/**
 * A backup in API mode: prepare, hold, ask Proxmox VE for it, thaw at the line that proves the snapshot, judge.
 * Unless it is to fail closed, the backup is made whether or not anything could be held; only the verdict differs.
 *
 * @throws Failure when there is no backup.
 */
export async function runBackup(
  request: BackupRequest,
  deps: BackupDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<FinishedBackup> {
  const { vmid } = request;
  const job = new BackupJob({ vmid, request, deps, recorder, signal });
  return await job.run();
}

interface JobContext {
  readonly vmid: number;
  readonly request: BackupRequest;
  readonly deps: BackupDeps;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** Where the guest is, and what can be done with it there. */
interface Place {
  readonly node: NodePort;
  readonly storage: string;
  /** Why nothing can be held there. */
  readonly unfit: string | undefined;
  /** False where the tasks from before could not be listed: then none that appears is known to be this job's. */
  readonly knowsBefore: boolean;
}

/** Made, or why it must be tried again later. */
type Attempt =
  | {
      readonly kind: 'done';
      readonly seen: TaskSightings;
      readonly verdict: Verdict;
      readonly place: Place;
    }
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
  /** For what comes before the node was asked; from then on a cancel has more to do than to stop waiting. */
  readonly #wanted: AbortSignal;
  #attempts = 0;
  #place: Place | undefined;

  constructor(context: JobContext) {
    const { signal, request } = context;
    this.#context = context;
    this.#wanted = request.cancelled === undefined ? signal : AbortSignal.any([signal, request.cancelled]);
    this.#now = jobClock(context.deps.clock);
  }

  async run(): Promise<FinishedBackup> {
    const { deps, vmid, recorder } = this.#context;
    const startedAt = this.#now();
    const { backupDeadlineMs } = deps.limits;
    const patienceMs = {
      'node-busy': backupDeadlineMs,
      'node-unreachable': Math.min(backupDeadlineMs, UNREACHABLE_PATIENCE_MS),
    };
    for (const delayMs of backoff({ ...RETRY, random: deps.random })) {
      const attempt = await this.#attempt();
      if (attempt.kind === 'done') {
        const followed = { ...this.#context, ...attempt.place };
        return await finishBackup(followed, attempt.seen, attempt.verdict, startedAt, this.#now);
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
      await this.#sleep(delayMs, attempt.code);
    }
    throw new Failure('internal', 'unreachable: the delays have no end');
  }

  async #attempt(): Promise<Attempt> {
    const orphan = await this.#startedUnseen();
    this.#context.signal.throwIfAborted();
    if (orphan !== undefined) return await this.#follow(orphan.task, undefined, lostAnswer(), orphan.place);
    this.#wanted.throwIfAborted();
    const place = await this.#goToGuest();
    const { node, unfit } = place;
    // To be held for a node that is seen to be busy would be for nothing; vzdump itself tells of those unseen.
    if ((await this.#try('tasks-unknown', () => node.isBackingUp(this.#wanted))) === true) return busy(node);

    this.#attempts += 1;
    await this.#noteRequest(place); // before anything is held: a stall does not wait for a disk
    const window = unfit === undefined ? this.#newWindow() : undefined;
    try {
      const notHeldBecause = unfit ?? (await window?.open());
      this.#requireHeld(notHeldBecause);
      this.#wanted.throwIfAborted();
      const seen = { ...nothingSeen(), notHeldBecause, backupRequestedAt: this.#now() };
      using _ = thawWhenCancelled(window, this.#context.request.cancelled);
      const task = await this.#post(place);
      if ('kind' in task) return task;
      return await this.#follow(task, window, seen, place);
    } finally {
      await window?.thaw('the job leaves its hold');
    }
  }

  /** Guests move, also while their node is busy. Where nobody can say, this one is looked for where it was. */
  async #goToGuest(): Promise<Place> {
    const { deps, vmid, recorder } = this.#context;
    const signal = this.#wanted;
    const before = this.#place;
    let node: NodePort;
    try {
      node = await deps.nodes.locate(vmid, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (before === undefined || TacetError.is(error, 'not-found')) throw error;
      recorder.step('location-unknown', describeError(error));
      return before;
    }
    if (node.name === before?.node.name) return before;
    if (before !== undefined) recorder.step('moved', `guest ${vmid} is on ${node.name} now`);
    this.#place = await this.#arrive(node);
    return this.#place;
  }

  async #arrive(node: NodePort): Promise<Place> {
    const { vmid, request, deps, recorder } = this.#context;
    const signal = this.#wanted;
    const storage = request.storage ?? node.backupStorage;
    await requireBackupStorage(node, storage, recorder, signal);
    await requireBackupGrants({ node, vmid, storage, clock: deps.clock, recorder, signal });
    const unfit = await this.#whyNotToHold(node);
    if (unfit !== undefined) recorder.step('not-held', unfit);
    this.#requireHeld(unfit);
    const tasks = await this.#tasksOf(node);
    for (const task of tasks ?? []) this.#known.add(task.upid);
    return { node, storage, unfit, knowsBefore: tasks !== null };
  }

  async #noteRequest({ node, storage, knowsBefore }: Place): Promise<void> {
    const { deps, vmid, recorder } = this.#context;
    const known = knowsBefore ? [...this.#known] : null;
    const askedAt = deps.clock.now();
    await recorder.asking({ what: 'backup', node: node.name, vmid, storage, volid: null, askedAt, known });
    this.#wanted.throwIfAborted();
  }

  /** Asks Proxmox VE for the backup. Whatever is held stays held only if it has said yes. */
  async #post({ node, storage }: Place): Promise<StartedTask | Attempt> {
    const { vmid, request, recorder, signal } = this.#context;
    const { mode = 'snapshot', retention, keepOthers = false } = request;
    const order = { vmid, storage, mode, ...(keepOthers && { keepOthers }) };
    const pruneBackups = retention && pruneBackupsOf(retention);
    try {
      const task = await this.#unlessRefused(
        () => node.startBackup({ ...order, pruneBackups }, signal),
        () => node.startBackup({ ...order, pruneBackups: undefined }, signal),
      );
      recorder.step('requested', `${node.name} accepted the backup: ${task.upid}`);
      return task;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof GuestNotHereError) {
        return { kind: 'later', code: 'node-busy', why: `guest ${vmid} has left ${node.name}`, error };
      }
      if (!mayBeUnderWay(error)) {
        throw asNodeFailure(error, `${node.name} refused the backup of guest ${vmid}`);
      }
      // A POST whose answer was lost may have started its task: the next attempt looks before it asks again.
      recorder.step('request-lost', describeError(error));
      return { kind: 'later', code: 'node-unreachable', why: `${node.name} did not answer`, error };
    }
  }

  /** A backup that keeps more than it should is better than none. */
  async #unlessRefused(
    start: () => Promise<StartedTask>,
    startWithoutRetention: () => Promise<StartedTask>,
  ): Promise<StartedTask> {
    try {
      return await start();
    } catch (error) {
      const isRetention =
        error instanceof ForbiddenError &&
        this.#context.request.retention !== undefined &&
        error.privileges.includes('Datastore.Allocate');
      if (!isRetention) throw error;
      this.#context.recorder.step(
        'retention-refused',
        `the retention of the storage applies, not the one that was asked for: ${describeError(error)}`,
      );
      return await startWithoutRetention();
    }
  }

  async #follow(
    task: StartedTask,
    window: QuiesceWindow | undefined,
    seen: BackupObservation,
    place: Place,
  ): Promise<Attempt> {
    const { deps, vmid, request, recorder, signal } = this.#context;
    const { cancelled } = request;
    const { node, storage } = place;
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
    using stopping = stopWhenCancelled({ task, window, cancelled, recorder, signal });
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
    const end = await unlessStopped(stopping, cancelled, vmid, () =>
      requireMade({ node, storage, vmid, recorder, signal }, sightings),
    );
    if (end.kind === 'busy') return busy(node, end.error);
    if (end.kind === 'elsewhere') {
      return { kind: 'later', code: 'node-busy', why: end.why, error: end.error };
    }
    return { kind: 'done', seen: sightings, verdict: judge(observe(sightings)), place };
  }

  /** A cancel ends the wait; but where an answer was lost, what came of the request has time to show. */
  async #sleep(delayMs: number, code: 'node-busy' | 'node-unreachable'): Promise<void> {
    const { deps, signal } = this.#context;
    try {
      await deps.clock.sleep(delayMs, code === 'node-busy' ? this.#wanted : signal);
    } catch {
      signal.throwIfAborted();
    }
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

  /** @throws Failure where the backup is to be made only of a guest that is held. */
  #requireHeld(notHeldBecause: string | undefined): void {
    const { vmid, request } = this.#context;
    if (notHeldBecause === undefined || request.whenNotQuiesced !== 'fail-closed') return;
    throw new Failure('hold-failed', `guest ${vmid} could not be held: ${notHeldBecause}`, {
      hint: 'No backup was made, because it was to be made only when held (fail-closed).',
    });
  }

  /** Where vzdump does not work from a snapshot, it copies for minutes: no hold can span that. */
  async #whyNotToHold(node: NodePort): Promise<string | undefined> {
    const { vmid, request } = this.#context;
    const { mode = 'snapshot' } = request;
    if (mode !== 'snapshot') return `a backup in ${mode} mode was asked for, and no hold can span that`;
    const can = await this.#try('feature-unknown', () => node.canSnapshot(vmid, this.#wanted));
    // Unknown is not no: should vzdump fall back after all, its log says so and the hold ends there.
    return can === false
      ? 'the storage of this guest cannot snapshot, so Proxmox VE copies it while it runs'
      : undefined;
  }

  /** A task of this guest that appeared since the job began, without this job having seen its start. */
  async #startedUnseen(): Promise<{ task: StartedTask; place: Place } | undefined> {
    const place = this.#place;
    if (this.#attempts === 0 || place?.knowsBefore !== true) return undefined;
    const tasks = await this.#tasksOf(place.node);
    const task = tasks?.find(({ upid }) => !this.#known.has(upid));
    return task && { task, place };
  }

  async #tasksOf(node: NodePort): Promise<readonly StartedTask[] | null> {
    const { vmid, signal } = this.#context;
    return await this.#try('tasks-unknown', () => node.ownTasks('vzdump', vmid, signal));
  }

  #newWindow(): QuiesceWindow {
    const { vmid, request, deps, recorder } = this.#context;
    const signal = this.#wanted;
    const suffix = this.#attempts === 1 ? '' : `.${this.#attempts}`;
    const quiesceId = recorder.operationId + suffix;
    const { agents, clock } = deps;
    const maxHoldMs = request.maxHoldMs ?? deps.limits.maxHoldMs;
    // A lease outlives a controller that dies: it is hardly longer than the hold may be.
    const leaseMs = Math.min(deps.limits.leaseMs, maxHoldMs + THAW_WAY_MS);
    const limits = { ...deps.limits, maxHoldMs, leaseMs };
    return new QuiesceWindow({ agents, vmid, quiesceId, limits, clock, now: this.#now, recorder, signal });
  }
}

function busy(node: NodePort, error?: unknown): Attempt {
  return { kind: 'later', code: 'node-busy', why: `another backup runs on ${node.name}`, error };
}
