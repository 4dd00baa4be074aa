import { judge } from '@tacet/core';
import type { Operation, Verdict } from '@tacet/protocol';
import { describeError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import { type TaskSightings, watchBackup } from './backup-attempt.ts';
import type { BackupDeps, FinishedBackup } from './backup-job.ts';
import { nothingSeen } from './nothing-seen.ts';
import { stopWhenCancelled, unlessStopped } from './cancellation.ts';
import { type Followed, finishBackup, requireMade } from './conclude-backup.ts';
import { findTask } from './find-task.ts';
import { jobClock } from './job-clock.ts';
import type { Recorder } from './recorder.ts';

/**
 * Goes on with a backup that a controller which is gone had asked for: follows its task to the end and records
 * what came of it. Nothing is asked for again, and nothing is held. What was cancelled is stopped.
 *
 * @throws Failure when there is no backup.
 */
export async function resumeBackup(
  { vmid, startedAt }: Operation,
  request: NodeRequest,
  { nodes, clock, limits }: Pick<BackupDeps, 'nodes' | 'clock' | 'limits'>,
  recorder: Recorder & { readonly cancelled?: AbortSignal },
  signal: AbortSignal,
): Promise<FinishedBackup> {
  const node = nodes.byName(request.node, vmid);
  const deadlineMs = limits.backupDeadlineMs;
  const task = await findTask(request, {
    node,
    clock,
    deadlineMs,
    onRetry: (error) => recorder.step('node-lost', describeError(error)),
    signal,
  });
  const { cancelled } = recorder;
  if (task === undefined) {
    cancelled?.throwIfAborted();
    throw nothingStarted('backup');
  }
  if (request.upid === null) {
    recorder.accepted(task.upid);
    recorder.step('found', `${node.name} had accepted the backup: ${task.upid}`);
  }
  const now = jobClock(clock);
  const pollMs = node.pollMs;
  const window = undefined;
  using stopping = stopWhenCancelled({ task, window, cancelled, recorder, signal });
  const seen = await watchBackup({ task, window, pollMs, deadlineMs, now, recorder, signal });
  const followed: Followed = { node, vmid, storage: request.storage, recorder, signal };
  const end = await unlessStopped(stopping, cancelled, vmid, () => requireMade(followed, seen));
  if (end.kind !== 'made') {
    cancelled?.throwIfAborted();
    const why = end.kind === 'busy' ? `another backup ran on ${node.name}` : end.why;
    throw new Failure('not-started', `${why}; nothing was started`, { retryable: true, cause: end.error });
  }
  return await finishBackup(followed, seen, verdictOf(request, seen), startedAt, now);
}

export function nothingStarted(kind: Operation['kind']): Failure {
  return new Failure(
    'not-started',
    `the controller restarted before it had Proxmox VE begin with this ${kind}`,
    {
      hint: `It started nothing, and holds nothing. Ask for the ${kind} again.`,
      retryable: true,
    },
  );
}

/**
 * What was seen before the restart counts, with what the log shows now. A snapshot that is seen only now is later
 * than every thaw, whatever the clock says.
 */
export function verdictOf(
  { seen: before }: NodeRequest,
  now: Pick<TaskSightings, 'mode' | 'snapshotSeenAt' | 'snapshotLine'>,
): Verdict {
  if (before === null) {
    const message =
      'the controller restarted before it heard that its request was accepted: nobody saw whether a hold spanned the snapshot';
    const verdict = judge({ ...nothingSeen(), notHeldBecause: message });
    return { ...verdict, consistency: 'unknown', reason: 'ControllerRestarted' };
  }
  const seenNow =
    now.snapshotSeenAt === undefined
      ? undefined
      : Math.max(now.snapshotSeenAt, (before.thawSentAt ?? Number.NEGATIVE_INFINITY) + 1);
  const verdict = judge({
    ...nothingSeen(),
    ...before,
    mode: before.mode ?? now.mode,
    snapshotSeenAt: before.snapshotSeenAt ?? seenNow,
    snapshotLine: before.snapshotLine ?? now.snapshotLine,
  });
  if (verdict.consistency !== 'unknown') return verdict;
  return { ...verdict, message: `the controller restarted during this backup: ${verdict.message}` };
}
