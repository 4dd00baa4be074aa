import { requireSuccess } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { NodeRequest } from '../store/node-requests.ts';
import { awaitReady } from './await-ready.ts';
import { findTask } from './find-task.ts';
import type { StartedTask } from './ports.ts';
import type { Recorder } from './recorder.ts';
import {
  askToStart,
  awaitCopy,
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
  const { agents, nodes, orders, clock, limits } = deps;
  const to = order.targetVmid;
  await orders.extend(order.id, orderExpiry(deps));
  const bench = { node: nodes.byName(restore.node, order.sourceVmid), to, deps, recorder, signal };
  await orClosed(order.id, bench, async () => {
    const task = await find(bench, restore);
    if (task === undefined) throw nothingStarted('restore');
    await awaitCopy(bench, task, restore.volid ?? 'the backup');
  });
  onRestored();
  await goOnStarting(bench, start);
  await awaitReady(to, agents, limits.readyDeadlineMs, clock, recorder, signal);
}

/** A guest that was started is not started again, be it that it has ended by itself since. */
async function goOnStarting(bench: RestoreBench, start: NodeRequest | undefined): Promise<void> {
  const { node, to, deps, signal } = bench;
  await orStartByHand(bench, async () => {
    const task = start && (await find(bench, start));
    if (task !== undefined) {
      requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
    } else if (!(await node.isRunning(to, signal))) {
      await askToStart(bench);
    }
  });
}

async function find(bench: RestoreBench, request: NodeRequest): Promise<StartedTask | undefined> {
  const { node, deps, recorder, signal } = bench;
  const task = await findTask(request, {
    node,
    clock: deps.clock,
    deadlineMs: deps.limits.restoreDeadlineMs,
    onRetry: (error) => recorder.step('node-lost', describeError(error)),
    signal,
  });
  if (task === undefined || request.upid !== null) return task;
  recorder.step('found', `${node.name} had begun: ${task.upid}`);
  return task;
}
