import { randomUUID } from 'node:crypto';
import type { Backup, Condition } from '@tacet/protocol';
import { requireSuccess } from '@tacet/proxmox';
import { type Clock, withDeadline } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import type { RestoreOrders } from '../store/restore-orders.ts';
import type { AgentPort, NodePort, NodesPort } from './ports.ts';
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
  if (!nodes.byName(backup.node).canRestore) {
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
  { agents, nodes, orders, clock, limits }: RestoreDeps,
  recorder: Recorder,
  onRestored: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { backup, to } = request;
  const orderId = randomUUID();
  const { operationId } = recorder;
  const now = clock.now();
  const expiresAt = now + limits.restoreDeadlineMs + limits.readyDeadlineMs + LATE_MS;
  await orders.create({ id: orderId, operationId, sourceVmid: backup.vmid, targetVmid: to }, now, expiresAt);
  recorder.step('ordered', `a copy of guest ${backup.vmid} is expected as guest ${to}`);

  const node = nodes.byName(backup.node);
  try {
    await restore(node, request, limits.restoreDeadlineMs, recorder, signal);
  } catch (error) {
    // Unless the task may still go on, there will be no copy, and nobody shall come in its name.
    if (!signal.aborted) await orders.close(orderId);
    throw error;
  }
  onRestored();
  await start(node, to, limits.restoreDeadlineMs, recorder, signal);

  using deadline = withDeadline(signal, limits.readyDeadlineMs, `waiting for guest ${to}`, clock);
  try {
    await awaitReady(to, agents, recorder, deadline.signal);
  } catch (cause) {
    signal.throwIfAborted();
    const ready = readyOf(agents, to);
    const state = ready === undefined ? 'its agent has not called' : `it is not ready: ${ready.message}`;
    throw new Failure('deadline-exceeded', `guest ${to} is restored and started, but ${state}`, {
      hint: `It may still come: tacet status ${to}`,
      cause,
    });
  }
}

async function restore(
  node: NodePort,
  { backup, to, storage }: RestoreRequest,
  deadlineMs: number,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  try {
    const target = storage ?? (await node.restoreStorage(backup.vmid, signal));
    const task = await node.startRestore({ volid: backup.volid, vmid: to, storage: target }, signal);
    recorder.step('restoring', `${backup.volid} to guest ${to} on ${target}: ${task.upid}`);
    requireSuccess(await task.wait({ signal, deadlineMs }));
    recorder.step('restored', `guest ${to} exists, with MAC addresses of its own`);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure) throw error;
    const cause = asNodeFailure(error, `${node.name} did not restore ${backup.volid}`);
    throw new Failure('restore-failed', `guest ${to} was not restored`, {
      hint: cause instanceof Failure ? cause.hint : undefined,
      cause,
    });
  }
}

async function start(
  node: NodePort,
  vmid: number,
  deadlineMs: number,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  try {
    const task = await node.startGuest(vmid, signal);
    requireSuccess(await task.wait({ signal, deadlineMs }));
    recorder.step('started', `guest ${vmid} runs`);
  } catch (cause) {
    signal.throwIfAborted();
    throw new Failure('restore-failed', `guest ${vmid} is restored, but could not be started`, {
      hint: `Start it by hand: pct start ${vmid}. Its agent is expected and will be adopted.`,
      cause,
    });
  }
}

/** Wakes at every change of the picture; each new word about readiness is a step. */
async function awaitReady(
  vmid: number,
  agents: AgentPort,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  let hasCalled = false;
  let said: string | undefined;
  for (;;) {
    const change = agents.nextChange(signal);
    const ready = readyOf(agents, vmid);
    if (agents.picture(vmid)?.session != null && !hasCalled) {
      hasCalled = true;
      recorder.step('adopted', `the agent of guest ${vmid} has called and is a guest of its own now`);
    }
    if (ready?.status === 'True') {
      change.catch(() => undefined); // nobody waits for it any more
      recorder.step('ready', `guest ${vmid} is ready: ${ready.message}`);
      return;
    }
    if (ready !== undefined && ready.message !== said) {
      said = ready.message;
      recorder.step('healing', ready.message);
    }
    await change;
  }
}

/** Undefined while no agent is connected: an old picture says nothing about now. */
function readyOf(agents: AgentPort, vmid: number): Condition | undefined {
  const picture = agents.picture(vmid);
  if (picture?.session == null) return undefined;
  return picture.status.conditions.find((condition) => condition.type === 'Ready');
}
