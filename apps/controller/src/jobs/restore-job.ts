import { randomUUID } from 'node:crypto';
import type { Backup } from '@tacet/protocol';
import { requireSuccess } from '@tacet/proxmox';
import { type Clock, DeadlineError, describeError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import type { NewNodeRequest } from '../store/node-requests.ts';
import type { RestoreOrders } from '../store/restore-orders.ts';
import { awaitReady } from './await-ready.ts';
import { findTask, mayBeUnderWay } from './find-task.ts';
import type { AgentPort, NodePort, NodesPort, StartedTask, TaskType } from './ports.ts';
import type { Recorder } from './recorder.ts';

export interface RestoreDeps {
  readonly agents: AgentPort;
  readonly nodes: NodesPort;
  readonly orders: RestoreOrders;
  readonly clock: Clock;
  readonly limits: { readonly restoreDeadlineMs: number; readonly readyDeadlineMs: number };
}

export interface RestoreRequest {
  readonly backup: Backup;
  readonly to: number;
  /** For the restored disks; undefined leaves it to the node. */
  readonly storage: string | undefined;
}

/** An order outlives its job by this: a copy that starts late, or by hand, is still expected. */
const LATE_MS = 3_600_000;

/** Refuses what cannot work, before an operation exists. @throws Failure `conflict` or `invalid-input` */
export async function checkRestore(
  { backup, to }: RestoreRequest,
  nodes: NodesPort,
  signal: AbortSignal,
): Promise<void> {
  if (!nodes.byName(backup.node, backup.vmid).canRestore) {
    throw new Failure('invalid-input', `no token that may restore is configured for node ${backup.node}`, {
      hint: 'Add `restoreToken` to the node in the controller’s configuration.',
    });
  }
  if (await nodes.exists(to, signal)) {
    throw new Failure('conflict', `a guest ${to} exists already`, {
      hint: 'Restore to a VMID that is free; tacet never overwrites a guest.',
    });
  }
}

/**
 * Restores a backup under another VMID and waits until the copy has healed itself. The order is recorded before
 * the restore begins, so that the copy is expected whenever it calls.
 *
 * @param onRestored called as soon as the guest exists: it stands, whatever comes after.
 * @throws Failure that says what stands.
 */
export async function runRestore(
  request: RestoreRequest,
  deps: RestoreDeps,
  recorder: Recorder,
  onRestored: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { backup, to } = request;
  const { agents, nodes, orders, clock, limits } = deps;
  const orderId = randomUUID();
  const { operationId } = recorder;
  const expiresAt = orderExpiry(deps);
  await orders.create(
    { id: orderId, operationId, sourceVmid: backup.vmid, targetVmid: to },
    clock.now(),
    expiresAt,
  );
  recorder.step('ordered', `a copy of guest ${backup.vmid} is expected as guest ${to}`);

  const node = nodes.byName(backup.node, backup.vmid);
  const bench = { node, to, deps, recorder, signal };
  await orClosed(orderId, bench, async () => {
    const task = await askForCopy(bench, request);
    await awaitCopy(bench, task, backup.volid);
  });
  onRestored();
  await orStartByHand(bench, () => askToStart(bench));
  await awaitReady(to, agents, limits.readyDeadlineMs, clock, recorder, signal);
}

/** One restore, and what it is done with. */
export interface RestoreBench {
  readonly node: NodePort;
  readonly to: number;
  readonly deps: RestoreDeps;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

export function orderExpiry({ clock, limits }: RestoreDeps): number {
  return clock.now() + limits.restoreDeadlineMs + limits.readyDeadlineMs + LATE_MS;
}

/** Unless its task may still go on, there will be no copy, and nobody shall come in its name. */
export async function orClosed(
  orderId: string,
  { deps, signal }: RestoreBench,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted && !(error instanceof DeadlineError)) await deps.orders.close(orderId);
    throw error;
  }
}

async function askForCopy(bench: RestoreBench, request: RestoreRequest): Promise<StartedTask> {
  const { node, to, deps, recorder, signal } = bench;
  const { backup } = request;
  try {
    const storage = request.storage ?? (await node.restoreStorage(backup.vmid, signal));
    const known = await knownTasks(node, 'vzrestore', to, signal);
    const { volid } = backup;
    const askedAt = deps.clock.now();
    const asked = { what: 'restore', node: node.name, vmid: to, storage, volid, askedAt, known } as const;
    await recorder.asking(asked);
    const task = await askOnce(bench, asked, () => node.startRestore({ volid, vmid: to, storage }, signal));
    recorder.accepted(task.upid);
    recorder.step('restoring', `${volid} to guest ${to} on ${storage}: ${task.upid}`);
    return task;
  } catch (error) {
    throw notRestored(error, bench, backup.volid);
  }
}

/** The guest exists when this resolves. @throws Failure `restore-failed` that says what is left. */
export async function awaitCopy(bench: RestoreBench, task: StartedTask, volid: string): Promise<void> {
  const { to, deps, recorder, signal } = bench;
  const { restoreDeadlineMs: deadlineMs } = deps.limits;
  try {
    requireSuccess(await task.wait({ signal, deadlineMs }));
  } catch (error) {
    if (error instanceof DeadlineError) throw error;
    throw notRestored(error, bench, volid, await whatIsLeft(bench));
  }
  recorder.step('restored', `guest ${to} exists, with MAC addresses of its own`);
}

export async function askToStart(bench: RestoreBench): Promise<void> {
  const { node, to: vmid, deps, recorder, signal } = bench;
  const known = await knownTasks(node, 'vzstart', vmid, signal);
  const askedAt = deps.clock.now();
  const asked = { what: 'start', node: node.name, vmid, storage: '', volid: null, askedAt, known } as const;
  await recorder.asking(asked);
  const task = await askOnce(bench, asked, () => node.startGuest(vmid, signal));
  recorder.accepted(task.upid);
  requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
}

/** @throws Failure that says that the copy stands, and how it is started. */
export async function orStartByHand(
  { to, recorder, signal }: RestoreBench,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
    recorder.step('started', `guest ${to} runs`);
  } catch (cause) {
    signal.throwIfAborted();
    throw new Failure('restore-failed', `guest ${to} is restored, but could not be started`, {
      hint: `Start it by hand: pct start ${to}. Its agent is expected and will be adopted.`,
      cause,
    });
  }
}

/** Where the answer is lost, what was asked for is looked for instead of being asked for again. */
async function askOnce(
  { node, deps: { clock, limits }, recorder, signal }: RestoreBench,
  asked: NewNodeRequest,
  ask: () => Promise<StartedTask>,
): Promise<StartedTask> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (!mayBeUnderWay(error)) throw error;
    recorder.step('request-lost', describeError(error));
    const task = await findTask(
      { ...asked, upid: null, seen: null },
      {
        node,
        clock,
        deadlineMs: limits.restoreDeadlineMs,
        onRetry: (cause) => recorder.step('node-lost', describeError(cause)),
        signal,
      },
    );
    if (task === undefined) throw error;
    return task;
  }
}

/** Null where they cannot be listed; that is no reason not to restore. */
async function knownTasks(
  node: NodePort,
  type: TaskType,
  vmid: number,
  signal: AbortSignal,
): Promise<string[] | null> {
  try {
    return (await node.ownTasks(type, vmid, signal)).map(({ upid }) => upid);
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

function notRestored(error: unknown, { node, to, signal }: RestoreBench, volid: string, left = ''): unknown {
  signal.throwIfAborted();
  if (error instanceof Failure || error instanceof DeadlineError) return error;
  const cause = asNodeFailure(error, `${node.name} did not restore ${volid}`);
  const hint = cause instanceof Failure ? cause.hint : undefined;
  const hints = [hint, left].filter((part) => part !== undefined && part !== '');
  return new Failure('restore-failed', `guest ${to} was not restored`, {
    hint: hints.length === 0 ? undefined : hints.join(' '),
    cause,
  });
}

/** A restore that fails leaves no guest behind; one whose worker was killed may. */
async function whatIsLeft({ node, to, deps, signal }: RestoreBench): Promise<string> {
  try {
    if (!(await deps.nodes.exists(to, signal))) return '';
    return `A guest ${to} is on ${node.name} now, which may be half restored: look at it (pct config ${to}) before you remove it (pct unlock ${to}; pct destroy ${to}).`;
  } catch (error) {
    return `Whether a guest ${to} was left half restored could not be seen (${describeError(error)}): look with pct config ${to}.`;
  }
}
