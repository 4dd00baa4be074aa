import { randomUUID } from 'node:crypto';
import type { Backup, Regenerable, RestoreNetwork } from '@tacet/protocol';
import { type LxcConfig, ProxmoxError, requireSuccess } from '@tacet/proxmox';
import { type Clock, DeadlineError, describeError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import type { RestoreOrders } from '../store/restore-orders.ts';
import { type Asker, askForTask } from './asked-task.ts';
import { awaitReady } from './await-ready.ts';
import type { AgentPort, NodePort, NodesPort, RestoreCall, StartedTask } from './ports.ts';
import type { Recorder } from './recorder.ts';
import { describeSettings, lostSettings, netOverride } from './restored-config.ts';

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
  /** Undefined for that of the backup. */
  readonly node?: string | undefined;
  /** As in the backup when undefined. */
  readonly network?: RestoreNetwork | undefined;
  /** Of a copy: what it makes anew when it is adopted; nothing when undefined. */
  readonly regenerate?: readonly Regenerable[] | undefined;
}

/** An order outlives its job by this: a copy that starts late, or by hand, is still expected. */
const LATE_MS = 3_600_000;

/** Refuses what cannot work, before an operation exists. @throws Failure `conflict` or `invalid-input` */
export async function checkRestore(
  request: RestoreRequest,
  nodes: NodesPort,
  signal: AbortSignal,
): Promise<void> {
  const { backup, to } = request;
  const node = nodeOf(request, nodes);
  requireOperator(node);
  if (await nodes.exists(to, signal)) {
    throw new Failure('conflict', `a guest ${to} exists already`, {
      hint: `Restore to a VMID that is free, or guest ${backup.vmid} in place: tacet restore ${backup.vmid} --in-place --backup ${backup.id}`,
    });
  }
  if (node.name !== backup.node) await requireVisible(node, backup, signal);
}

/** @throws Failure `invalid-input` */
export function requireOperator(node: NodePort): void {
  if (node.canRestore) return;
  throw new Failure('invalid-input', `no token that may restore is configured for node ${node.name}`, {
    hint: 'Add `restoreToken` to the node in the controller’s configuration.',
  });
}

/** Whether a node sees the backup at all. @throws Failure `invalid-input` */
export async function requireVisible(node: NodePort, { volid }: Backup, signal: AbortSignal): Promise<void> {
  try {
    await node.backupAttributes(volid, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ProxmoxError)) throw error;
    throw new Failure('invalid-input', `node ${node.name} does not show the backup ${volid}`, {
      hint: 'It may have been removed; and only what lies on a shared storage can be restored on another node.',
      cause: error,
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
  const bench = { node: nodeOf(request, deps.nodes), to, deps, recorder, signal };
  const orderId = await orderCopy(bench, backup.vmid, request.regenerate);
  let archived: LxcConfig | undefined;
  await orClosed(orderId, bench, async () => {
    const made = await askForCopy(bench, request, {});
    ({ archived } = made);
    await awaitCopy(bench, made.task, backup.volid);
  });
  onRestored();
  recorder.step('restored', `guest ${to} exists, with MAC addresses of its own`);
  await compareConfig(bench, archived);
  await orStartByHand(bench, () => askToStart(bench));
  await awaitCopyReady(bench);
}

/** One restore, and what it is done with. */
export interface RestoreBench {
  readonly node: NodePort;
  readonly to: number;
  readonly deps: RestoreDeps;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

export function nodeOf({ node, backup }: RestoreRequest, nodes: NodesPort): NodePort {
  return nodes.byName(node ?? backup.node, backup.vmid);
}

export function askerOf({ node, deps: { clock, limits }, recorder, signal }: RestoreBench): Asker {
  return { node, clock, deadlineMs: limits.restoreDeadlineMs, recorder, signal };
}

/** @returns the id of the order. */
export async function orderCopy(
  { to, deps, recorder }: RestoreBench,
  sourceVmid: number,
  regenerate: readonly Regenerable[] = [],
): Promise<string> {
  const id = randomUUID();
  const { operationId } = recorder;
  const order = { id, operationId, sourceVmid, targetVmid: to, regenerate };
  await deps.orders.create(order, deps.clock.now(), orderExpiry(deps));
  recorder.step('ordered', `a copy of guest ${sourceVmid} is expected as guest ${to}`);
  return id;
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

/** What a restore is asked for with, decided before anything is touched. */
export async function planCall(
  { node, to, signal }: RestoreBench,
  request: RestoreRequest,
): Promise<{ readonly call: RestoreCall; readonly archived: LxcConfig | undefined }> {
  const { backup, network = { policy: 'keep' } } = request;
  const archived = await archivedConfig(node, backup.volid, network.policy !== 'keep', signal);
  const storage = request.storage ?? (await storageOf(node, backup.vmid, archived, signal));
  const net0 = archived && netOverride(archived, network, to === backup.vmid);
  const overrides = net0 === undefined ? {} : { overrides: { net0 } };
  return { call: { volid: backup.volid, vmid: to, storage, ...overrides }, archived };
}

/** Asks for the restore, with these overrides besides the network's. */
export async function askForCopy(
  bench: RestoreBench,
  request: RestoreRequest,
  besides: Readonly<Record<string, string>>,
): Promise<{ readonly task: StartedTask; readonly archived: LxcConfig | undefined }> {
  try {
    const { call, archived } = await planCall(bench, request);
    const overrides = { ...call.overrides, ...besides };
    return { task: await askToRestore(bench, { ...call, overrides }), archived };
  } catch (error) {
    throw notRestored(error, bench, request.backup.volid);
  }
}

export async function askToRestore(bench: RestoreBench, call: RestoreCall): Promise<StartedTask> {
  const { node, recorder, signal } = bench;
  const { volid, vmid, storage } = call;
  const wanted = { what: 'restore', vmid, storage, volid } as const;
  const task = await askForTask(askerOf(bench), wanted, () => node.startRestore(call, signal));
  recorder.step('restoring', `${volid} to guest ${vmid} on ${storage}: ${task.upid}`);
  return task;
}

/** The guest exists when this resolves. @throws Failure `restore-failed` that says what is left. */
export async function awaitCopy(bench: RestoreBench, task: StartedTask, volid: string): Promise<void> {
  const { deps, signal } = bench;
  const { restoreDeadlineMs: deadlineMs } = deps.limits;
  try {
    requireSuccess(await task.wait({ signal, deadlineMs }));
  } catch (error) {
    if (error instanceof DeadlineError) throw error;
    throw notRestored(error, bench, volid, await whatIsLeft(bench));
  }
}

/** Says whether what Docker needs has come along. A copy that lacks it stands all the same. */
export async function compareConfig(
  { node, to, recorder, signal }: RestoreBench,
  archived: LxcConfig | undefined,
): Promise<void> {
  try {
    const restored = await node.guestConfig(to, signal);
    const lost = archived && lostSettings(archived, restored);
    if (lost === undefined) {
      recorder.step('config', `${describeSettings(restored)}; the backup did not show what it was`);
    } else if (lost.length === 0) {
      recorder.step('config', `as in the backup: ${describeSettings(restored)}`);
    } else {
      const feature = 'Docker needs nesting and keyctl in an unprivileged guest';
      recorder.step('config-changed', `${lost.join('; ')}: ${feature}; see pct config ${to}`);
    }
  } catch (error) {
    signal.throwIfAborted();
    recorder.step('config-unknown', describeError(error));
  }
}

export async function askToStart(bench: RestoreBench): Promise<void> {
  const { node, to: vmid, deps, signal } = bench;
  const task = await askForTask(askerOf(bench), { what: 'start', vmid }, () => node.startGuest(vmid, signal));
  requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
}

/** @throws Failure that says that the copy stands, and how it is started. */
export async function orStartByHand(
  { to, recorder, signal }: RestoreBench,
  work: () => Promise<void>,
  done = 'restored',
): Promise<void> {
  try {
    await work();
    recorder.step('started', `guest ${to} runs`);
  } catch (cause) {
    signal.throwIfAborted();
    throw new Failure('restore-failed', `guest ${to} is ${done}, but could not be started`, {
      hint: `Start it by hand: pct start ${to}. Its agent is expected.`,
      cause,
    });
  }
}

export async function awaitCopyReady(bench: RestoreBench): Promise<void> {
  const { to, deps, recorder, signal } = bench;
  const { agents, clock, limits } = deps;
  const deadlineMs = limits.readyDeadlineMs;
  await unlessCutOff(bench, () =>
    awaitReady({ vmid: to, agents, deadlineMs, clock, recorder, signal, done: 'restored' }),
  );
}

/** Waits for what an agent says, unless every cable of its guest is pulled: then it cannot say anything. */
export async function unlessCutOff(
  { node, to, recorder, signal }: RestoreBench,
  wait: () => Promise<void>,
): Promise<void> {
  let isCutOff = false;
  try {
    const networks = Object.values((await node.guestConfig(to, signal)).networks);
    isCutOff = networks.length > 0 && networks.every((network) => network['link_down'] === '1');
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ProxmoxError)) throw error; // who cannot be asked for its cables may still call
  }
  if (isCutOff)
    recorder.step('not-awaited', `the link of guest ${to} is down: nobody can ask whether it is ready`);
  else await wait();
}

export function notRestored(
  error: unknown,
  { node, to, signal }: RestoreBench,
  volid: string,
  left = '',
): unknown {
  signal.throwIfAborted();
  if (error instanceof DeadlineError) return error;
  const known = asNodeFailure(error, `${node.name} did not restore ${volid}`);
  const hints = [known instanceof Failure ? known.hint : undefined, left];
  const hint = hints.filter((part) => part !== undefined && part !== '').join(' ') || undefined;
  if (error instanceof Failure) {
    const { code, message, retryable, cause } = error;
    return new Failure(code, message, { hint, retryable, cause });
  }
  return new Failure('restore-failed', `guest ${to} was not restored`, { hint, cause: known });
}

/**
 * A restore that fails leaves no guest behind; one whose worker was killed may. That one is locked, so no token can
 * remove it, and nothing about it says whose it is: it is named, and left.
 */
async function whatIsLeft({ node, to, deps, signal }: RestoreBench): Promise<string> {
  try {
    if (!(await deps.nodes.exists(to, signal))) return '';
    return `A guest ${to} is on ${node.name} now, which may be half restored: look at it (pct config ${to}) before you remove it (pct unlock ${to}; pct destroy ${to}).`;
  } catch (error) {
    return `Whether a guest ${to} was left half restored could not be seen (${describeError(error)}): look with pct config ${to}.`;
  }
}

/** Undefined where it cannot be read and is not needed. */
async function archivedConfig(
  node: NodePort,
  volid: string,
  isNeeded: boolean,
  signal: AbortSignal,
): Promise<LxcConfig | undefined> {
  try {
    return await node.archivedConfig(volid, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (isNeeded || !(error instanceof ProxmoxError)) throw error;
    return undefined; // the restore itself will say what is wrong with the backup
  }
}

/** What is configured, else where the source's root disk is, or was when it was backed up. */
async function storageOf(
  node: NodePort,
  sourceVmid: number,
  archived: LxcConfig | undefined,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await node.restoreStorage(sourceVmid, signal);
  } catch (error) {
    signal.throwIfAborted();
    const root = archived?.mountPoints.find(({ key }) => key === 'rootfs')?.volume.split(':')[0];
    if (root === undefined || root === '') throw error;
    return root; // the source is gone, or on another node
  }
}
