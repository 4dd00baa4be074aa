import type { Backup } from '@tacet/protocol';
import { requireSuccess } from '@tacet/proxmox';
import { DeadlineError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import type { Recorder } from './recorder.ts';
import { bringBack, finishReplacement, inPlaceAgain, notReplaced } from './replace-job.ts';
import type { RestoreBench, RestoreDeps } from './restore-job.ts';
import { findAgain } from './resume-restore.ts';

/** What a controller that is gone had asked for, of a restore in place. */
export interface ReplacementSoFar {
  readonly vmid: number;
  /** The safety backup, made or not. */
  readonly before: Backup | undefined;
  /** What it is to restore; undefined where that was not written. */
  readonly backupId: string | undefined;
  readonly requests: readonly NodeRequest[];
}

/**
 * Goes on with a restore in place. One that Proxmox VE was not asked for yet is not begun any more: the guest runs
 * again as it was.
 *
 * @throws Failure that says what is left.
 */
export async function resumeReplacement(
  { vmid, before, backupId, requests }: ReplacementSoFar,
  deps: RestoreDeps,
  recorder: Recorder,
  onRestored: () => void,
  signal: AbortSignal,
): Promise<void> {
  const last = requests.at(-1);
  const restore = requests.find(({ what }) => what === 'restore');
  const node =
    last === undefined ? await deps.nodes.locate(vmid, signal) : deps.nodes.byName(last.node, vmid);
  const bench: RestoreBench = { node, to: vmid, deps, recorder, signal };
  const task = restore && (await findAgain(bench, restore));
  if (restore === undefined || task === undefined) throw await nothingReplaced(bench, requests, backupId);
  const start = requests.find(({ what, askedAt }) => what === 'start' && askedAt >= restore.askedAt);
  const volid = restore.volid ?? 'the backup';
  try {
    requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
  } catch (error) {
    if (signal.aborted || error instanceof DeadlineError) throw error;
    const wasRunning = requests.some(({ what }) => what === 'stop');
    throw await notReplaced(error, bench, volid, { wasRunning, before });
  }
  onRestored();
  recorder.step('restored', `guest ${vmid} is what it was in ${volid}`);
  await finishReplacement(bench, undefined, start);
}

async function nothingReplaced(
  bench: RestoreBench,
  requests: readonly NodeRequest[],
  backupId: string | undefined,
): Promise<Failure> {
  const { to, deps, signal } = bench;
  const stop = requests.find(({ what }) => what === 'stop');
  const stopping = stop && (await findAgain(bench, stop));
  // However it ended: only then it can be said whether the guest has to be started.
  await stopping?.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs });
  const state = stopping === undefined ? `Guest ${to} was not touched.` : await bringBack(bench, true);
  const again = backupId === undefined ? '.' : `: ${inPlaceAgain(to, backupId)}`;
  return new Failure('internal', 'the controller restarted before anything was replaced', {
    hint: `${state} Ask for the restore again${again}`,
    retryable: true,
  });
}
