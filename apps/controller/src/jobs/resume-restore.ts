import { requireSuccess } from '@tacet/proxmox';
import type { NodeRequest } from '../store/node-requests.ts';
import { findAsked } from './asked-task.ts';
import type { StartedTask } from './ports.ts';
import type { Recorder } from './recorder.ts';
import {
  askerOf,
  askToStart,
  awaitCopy,
  awaitCopyReady,
  compareConfig,
  orClosed,
  orderExpiry,
  orStartByHand,
  type RestoreBench,
  type RestoreDeps,
} from './restore-job.ts';
import { nothingStarted } from './resume-backup.ts';

/** What a controller that is gone had asked for; undefined where it had not come that far. */
export interface RestoreSoFar {
  readonly order: { readonly id: string; readonly sourceVmid: number; readonly targetVmid: number };
  readonly restore: NodeRequest;
  readonly start: NodeRequest | undefined;
}

/**
 * Goes on with a restore: follows its task, starts the copy if nobody has, and waits for it. The copy stays
 * expected all the while.
 *
 * @throws Failure that says what stands.
 */
export async function resumeRestore(
  { order, restore, start }: RestoreSoFar,
  deps: RestoreDeps,
  recorder: Recorder,
  onRestored: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { nodes, orders } = deps;
  const to = order.targetVmid;
  await orders.extend(order.id, orderExpiry(deps));
  const bench = { node: nodes.byName(restore.node, order.sourceVmid), to, deps, recorder, signal };
  await orClosed(order.id, bench, async () => {
    const task = await findAgain(bench, restore);
    if (task === undefined) throw nothingStarted('restore');
    await awaitCopy(bench, task, restore.volid ?? 'the backup');
  });
  onRestored();
  recorder.step('restored', `guest ${to} exists, with MAC addresses of its own`);
  await compareConfig(bench, undefined);
  await orStartByHand(bench, () => goOnStarting(bench, start));
  await awaitCopyReady(bench);
}

/** A guest that was started is not started again, be it that it has ended by itself since. */
export async function goOnStarting(bench: RestoreBench, start: NodeRequest | undefined): Promise<void> {
  const { node, to, deps, signal } = bench;
  const task = start && (await findAgain(bench, start));
  if (task !== undefined) {
    requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
  } else if (!(await node.isRunning(to, signal))) {
    await askToStart(bench);
  }
}

/** The task of a request that a controller which is gone has written down. */
export async function findAgain(bench: RestoreBench, request: NodeRequest): Promise<StartedTask | undefined> {
  const task = await findAsked(askerOf(bench), request);
  if (task === undefined || request.upid !== null) return task;
  bench.recorder.step('found', `${bench.node.name} had begun: ${task.upid}`);
  return task;
}
