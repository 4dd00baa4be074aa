import { requireSuccess } from '@tacet/proxmox';
import { DeadlineError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import { askForTask } from './asked-task.ts';
import type { NodesPort, StartedTask } from './ports.ts';
import type { Recorder } from './recorder.ts';
import { bringBack, startReplaced } from './replace-job.ts';
import { askerOf, requireOperator, type RestoreBench, type RestoreDeps } from './restore-job.ts';
import { nothingStarted } from './resume-backup.ts';
import { findAgain } from './resume-restore.ts';
import { isOwnSnapshot, listSnapshots } from './snapshot-job.ts';

/** @returns the snapshot to go back to. @throws Failure `not-found`, or `invalid-input` where nobody may start the guest */
export async function checkRollback(
  vmid: number,
  name: string | undefined,
  nodes: NodesPort,
  signal: AbortSignal,
): Promise<string> {
  const node = await nodes.locate(vmid, signal);
  requireOperator(node);
  const snapshots = await listSnapshots(vmid, nodes, signal);
  const newest = snapshots
    .filter(isOwnSnapshot)
    .toSorted((one, other) => (other.takenAtMs ?? 0) - (one.takenAtMs ?? 0))[0];
  const found = name === undefined ? newest : snapshots.find((one) => one.name === name);
  if (found !== undefined) return found.name;
  const which = name === undefined ? 'no snapshot that tacet has taken' : `no snapshot ${name}`;
  throw new Failure('not-found', `guest ${vmid} has ${which}`, {
    hint: `tacet snapshots ${vmid} lists those that it has.`,
  });
}

/**
 * Takes a guest back to a snapshot: Proxmox VE stops it and puts its disks back, then it is started and heals.
 *
 * @throws Failure that says what is left.
 */
export async function runRollback(
  { vmid, name }: { readonly vmid: number; readonly name: string },
  deps: RestoreDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  const node = await deps.nodes.locate(vmid, signal);
  const bench: RestoreBench = { node, to: vmid, deps, recorder, signal };
  const wasRunning = await node.isRunning(vmid, signal);
  await orAsBefore(bench, wasRunning, async () => {
    const ask = (): Promise<StartedTask> => node.rollBack(vmid, name, signal);
    const task = await askForTask(askerOf(bench), { what: 'rollback', vmid, wasRunning }, ask);
    recorder.step('rolling-back', `guest ${vmid} to ${name}: ${task.upid}`);
    requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
  });
  recorder.step('rolled-back', `the disks of guest ${vmid} are as they were in ${name}`);
  await startReplaced(bench, undefined, 'rolled back');
}

/** Goes on with a rollback that a controller which is gone had asked for. @throws Failure that says what is left */
export async function resumeRollback(
  vmid: number,
  requests: readonly NodeRequest[],
  deps: RestoreDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  const asked = requests.find(({ what }) => what === 'rollback');
  if (asked === undefined) throw nothingStarted('rollback');
  const bench: RestoreBench = { node: deps.nodes.byName(asked.node, vmid), to: vmid, deps, recorder, signal };
  await orAsBefore(bench, asked.wasRunning, async () => {
    const task = await findAgain(bench, asked);
    if (task === undefined) throw nothingStarted('rollback');
    requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
  });
  recorder.step('rolled-back', `the disks of guest ${vmid} are as they were in the snapshot`);
  const start = requests.find(({ what }) => what === 'start');
  await startReplaced(bench, start, 'rolled back');
}

/** A rollback stops the guest first; where it then fails, a guest that ran is started again. */
async function orAsBefore(
  bench: RestoreBench,
  wasRunning: boolean | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const { node, to, signal } = bench;
  try {
    await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure || error instanceof DeadlineError) throw error;
    const cause = asNodeFailure(error, `${node.name} did not roll guest ${to} back`);
    const hint = cause instanceof Failure && cause.hint !== undefined ? `${cause.hint} ` : '';
    const state = await bringBack(bench, wasRunning);
    throw new Failure('restore-failed', `guest ${to} was not rolled back`, {
      hint: `${hint}${state}`,
      cause,
    });
  }
}
