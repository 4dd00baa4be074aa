import { type BackupObservation, judge } from '@tacet/core';
import type { GuestSnapshot, HeldSnapshot } from '@tacet/protocol';
import { requireSuccess, type Snapshot, type TaskLine, taskOutcome, type TaskOutcome } from '@tacet/proxmox';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import { askNoted, findAsked, noteRequest } from './asked-task.ts';
import type { BackupDeps } from './backup-job.ts';
import { lostAnswer, nothingSeen } from './nothing-seen.ts';
import { type JobClock, jobClock } from './job-clock.ts';
import type { NodePort, NodesPort, StartedTask } from './ports.ts';
import { QuiesceWindow } from './quiesce-window.ts';
import type { Recorder } from './recorder.ts';
import { nothingStarted, verdictOf } from './resume-backup.ts';

export type SnapshotDeps = Pick<BackupDeps, 'agents' | 'nodes' | 'clock' | 'limits'>;

export interface SnapshotRequest {
  readonly vmid: number;
  /** What is going to be done, in the operator's words. */
  readonly before: string;
}

/** A snapshot is a matter of seconds; a node may be slow all the same. */
const DEADLINE_MS = 600_000;
const NAME_MAX = 40;

/**
 * A storage snapshot of a guest that is held meanwhile: prepare, hold, ask, thaw when the node says that it is there.
 * It is taken whether or not anything could be held; only the verdict differs.
 *
 * @throws Failure when there is no snapshot.
 */
export async function runSnapshot(
  { vmid, before }: SnapshotRequest,
  deps: SnapshotDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<HeldSnapshot> {
  const node = await deps.nodes.locate(vmid, signal);
  const now = jobClock(deps.clock);
  const name = await freeName(node, vmid, before, signal);
  const { operationId } = recorder;
  const description = descriptionOf(before, operationId);
  const asker = { node, clock: deps.clock, deadlineMs: DEADLINE_MS, recorder, signal };
  const asked = await noteRequest(asker, { what: 'snapshot', vmid, volid: null });
  const window = new QuiesceWindow({ ...deps, vmid, quiesceId: operationId, now, recorder, signal });
  try {
    const notHeldBecause = await window.open();
    let seen: BackupObservation = { ...nothingSeen(), notHeldBecause, backupRequestedAt: now() };
    const task = await askNoted(
      asker,
      asked,
      () => node.takeSnapshot(vmid, { name, description }, signal),
      async () => {
        await window.thaw('the answer was lost');
        seen = lostAnswer();
      },
    );
    const observe = (sighted: Sighting['seen']): BackupObservation => ({
      ...seen,
      ...sighted,
      plan: window.plan,
      holdConfirmedAt: window.holdConfirmedAt,
      thawSentAt: window.thawSentAt,
      leaseLeftMs: window.leaseLeftMs,
      thaw: window.thawed,
    });
    recorder.accepted(task.upid, observe(unseen));
    recorder.step('requested', `${node.name} takes the snapshot ${name}: ${task.upid}`);
    const sight = await watchSnapshot({ task, node, now, recorder, signal }, (why) => void window.thaw(why));
    await window.thaw('the job leaves its hold');
    requireSuccess(sight.outcome);
    recorder.observed(observe(sight.seen));
    const verdict = judge(observe(sight.seen));
    recorder.step('verdict', `${verdict.consistency}: ${verdict.message}`);
    return { operationId, vmid, node: node.name, name, before, takenAt: deps.clock.now(), verdict };
  } catch (error) {
    throw notTaken(error, node, vmid, signal);
  } finally {
    await window.thaw('the job leaves its hold');
  }
}

/** Follows a snapshot that a controller which is gone had asked for; nothing is asked for again, or held. */
export async function resumeSnapshot(
  vmid: number,
  request: NodeRequest,
  deps: SnapshotDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<HeldSnapshot> {
  const node = deps.nodes.byName(request.node, vmid);
  const now = jobClock(deps.clock);
  const asker = { node, clock: deps.clock, deadlineMs: DEADLINE_MS, recorder, signal };
  const task = await findAsked(asker, request);
  if (task === undefined) throw nothingStarted('snapshot');
  if (request.upid === null) recorder.accepted(task.upid);
  const { outcome, seen } = await watchSnapshot({ task, node, now, recorder, signal }, () => undefined);
  const { operationId } = recorder;
  try {
    requireSuccess(outcome);
  } catch (error) {
    throw notTaken(error, node, vmid, signal);
  }
  const verdict = verdictOf(request, seen);
  recorder.step('verdict', `${verdict.consistency}: ${verdict.message}`);
  const listed = await node.snapshots(vmid, signal);
  const ours = listed.find(({ description }) => operationOf(description) === operationId);
  if (ours === undefined) {
    throw new Failure('not-found', `the snapshot of guest ${vmid} was taken, but is not there any more`);
  }
  const before = beforeOf(ours.description);
  const takenAt = ours.takenAtMs ?? request.askedAt;
  return { operationId, vmid, node: node.name, name: ours.name, before, takenAt, verdict };
}

/** @throws Failure */
export async function listSnapshots(
  vmid: number,
  nodes: NodesPort,
  signal: AbortSignal,
): Promise<readonly Snapshot[]> {
  const node = await nodes.locate(vmid, signal);
  try {
    return await node.snapshots(vmid, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw asNodeFailure(error, `${node.name} does not list the snapshots of guest ${vmid}`);
  }
}

/** What the node lists, with what is known of those that this controller has taken. */
export function describeSnapshots(
  listed: readonly Snapshot[],
  held: readonly HeldSnapshot[],
): GuestSnapshot[] {
  return listed
    .map(({ name, description, takenAtMs, parent }) => {
      const operationId = operationOf(description);
      return {
        name,
        description: description.trim(),
        takenAt: takenAtMs ?? null,
        parent: parent ?? null,
        // By the operation: another snapshot may have the name of one that is gone.
        held: held.find((one) => one.operationId === operationId) ?? null,
      };
    })
    .toSorted((one, other) => (other.takenAt ?? 0) - (one.takenAt ?? 0));
}

interface Watched {
  readonly task: StartedTask;
  readonly node: NodePort;
  readonly now: JobClock;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

interface Sighting {
  readonly outcome: TaskOutcome;
  readonly seen: Pick<BackupObservation, 'mode' | 'snapshotSeenAt' | 'snapshotLine'>;
}

const unseen: Sighting['seen'] = { mode: undefined, snapshotSeenAt: undefined, snapshotLine: undefined };

/** The log of a snapshot says nothing until `TASK OK`, which comes only when it is there. */
async function watchSnapshot(
  { task, node, now, recorder, signal }: Watched,
  thaw: (why: string) => void,
): Promise<Sighting> {
  const log: TaskLine[] = [];
  let seen = unseen;
  const polls = task.follow({
    signal,
    deadlineMs: DEADLINE_MS,
    pollMs: () => node.pollMs,
    onPollError: (error) => recorder.step('node-lost', error.message),
  });
  for await (const { lines, status } of polls) {
    log.push(...lines);
    const end = lines.find(({ text }) => text.startsWith('TASK '));
    const isOk = end?.text === 'TASK OK' || status?.exitstatus === 'OK';
    if (isOk && seen.snapshotSeenAt === undefined) {
      seen = { mode: 'snapshot', snapshotSeenAt: now(), snapshotLine: 'TASK OK' };
    }
    if (end !== undefined || status !== undefined)
      thaw(isOk ? 'the snapshot exists' : 'there will be no snapshot');
    if (status !== undefined) return { outcome: taskOutcome(status, log), seen };
  }
  throw new Failure('internal', 'a task was followed to no end');
}

/** @throws Failure before anything is held */
async function freeName(node: NodePort, vmid: number, before: string, signal: AbortSignal): Promise<string> {
  try {
    if (!(await node.canSnapshot(vmid, signal))) {
      throw new Failure('invalid-input', `the storage of guest ${vmid} cannot snapshot`, {
        hint: `Make a backup instead: tacet backup ${vmid}`,
      });
    }
    const taken = new Set((await node.snapshots(vmid, signal)).map(({ name }) => name.toLowerCase()));
    const base = snapshotName(before);
    for (let count = 1; ; count += 1) {
      const suffix = count === 1 ? '' : `-${count}`;
      const name = base.slice(0, NAME_MAX - suffix.length) + suffix;
      if (!taken.has(name)) return name;
    }
  } catch (error) {
    throw notTaken(error, node, vmid, signal);
  }
}

/** `upgrade nextcloud` → `before-upgrade-nextcloud`: what Proxmox VE takes for a name. */
export function snapshotName(before: string): string {
  const plain = before
    .normalize('NFKD')
    .replaceAll(/\p{Diacritic}/gu, '')
    .toLowerCase();
  const words = plain.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return `before-${words === '' ? 'change' : words}`.slice(0, NAME_MAX).replace(/-+$/, '');
}

function descriptionOf(before: string, operationId: string): string {
  return `tacet: before ${before} (operation ${operationId})`;
}

function operationOf(description: string): string | undefined {
  return /^tacet: before .* \(operation ([^)]+)\)$/s.exec(description.trim())?.[1];
}

function beforeOf(description: string): string {
  return /^tacet: before (.*) \(operation [^)]+\)$/s.exec(description.trim())?.[1] ?? '';
}

function notTaken(error: unknown, node: NodePort, vmid: number, signal: AbortSignal): unknown {
  signal.throwIfAborted();
  return asNodeFailure(error, `${node.name} took no snapshot of guest ${vmid}`);
}

export function isOwnSnapshot({ description }: Pick<Snapshot, 'description'>): boolean {
  return operationOf(description) !== undefined;
}
