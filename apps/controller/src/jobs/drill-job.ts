import type { Backup, Drill } from '@tacet/protocol';
import { ForbiddenError, type LxcConfig, requireSuccess, UnreachableError } from '@tacet/proxmox';
import { describeError, retry } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { Drills, StoredDrill } from '../store/drills.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import { askForTask } from './asked-task.ts';
import { awaitReady } from './await-ready.ts';
import type { NodePort } from './ports.ts';
import type { Recorder } from './recorder.ts';
import {
  askerOf,
  askForCopy,
  askToStart,
  awaitCopy,
  compareConfig,
  nodeOf,
  orderCopy,
  requireOperator,
  requireVisible,
  type RestoreBench,
  type RestoreDeps,
} from './restore-job.ts';
import { disksBytes } from './restored-config.ts';
import { findAgain } from './resume-restore.ts';
import { drillMark, isOwnScratch } from './scratch-mark.ts';
import { isolatedNetworks, requireIsolated, type ScratchNetwork } from './scratch-network.ts';

export interface DrillPolicy {
  /** Reserved for scratch guests; nothing else may have these VMIDs. */
  readonly vmids: { readonly from: number; readonly to: number };
  readonly network: ScratchNetwork;
  /** For the scratch guest's disks; the restores' own when undefined. */
  readonly storage?: string | undefined;
  readonly pool?: string | undefined;
  /** How long a scratch guest whose link is down has to keep running. */
  readonly settleMs: number;
}

export interface DrillDeps extends RestoreDeps {
  readonly drills: Drills;
  /** Undefined where none is configured: then nothing is drilled. */
  readonly policy: DrillPolicy | undefined;
  /** A guest that is gone is no guest of this controller any more. */
  readonly forgetGuest: (vmid: number) => Promise<void>;
}

export interface DrillRequest {
  readonly backup: Backup;
  readonly scratch: number;
}

type Result = Pick<Drill, 'outcome' | 'readyAfterMs' | 'message'>;

const INTERRUPTED = 'the controller restarted during the drill';
const CLEAN_UP_RETRY = { baseMs: 2_000, capMs: 30_000 };

/**
 * Refuses what cannot work before an operation exists, and picks the scratch guest's VMID.
 *
 * @param isBusy whether something is under way for a VMID.
 * @throws Failure `invalid-input` or `conflict`
 */
export async function planDrill(
  backup: Backup,
  deps: DrillDeps,
  isBusy: (vmid: number) => boolean,
  signal: AbortSignal,
): Promise<DrillRequest> {
  const { nodes, policy } = deps;
  if (policy === undefined) {
    throw new Failure('invalid-input', 'no drill is configured', {
      hint: 'Reserve VMIDs and an isolated network for drills: `drill` in the controller’s configuration.',
    });
  }
  const node = nodes.byName(backup.node, backup.vmid);
  requireOperator(node);
  await requireVisible(node, backup, signal);
  await requireSpace(backup, deps, policy, signal);
  requireAddress(policy, isBusy);
  const { from, to } = policy.vmids;
  const unseen: number[] = [];
  for (let scratch = from; scratch <= to; scratch += 1) {
    if (scratch === backup.vmid || isBusy(scratch) || (await nodes.exists(scratch, signal))) continue;
    if (!(await isUnseen(node, scratch, signal))) return { backup, scratch };
    unseen.push(scratch);
  }
  const look = unseen.length === 0 ? '' : ` ${unseenGuest(unseen.join(', '))}: pct config ${unseen[0]}.`;
  throw new Failure('conflict', `none of the VMIDs ${from} to ${to} is free for a scratch guest`, {
    hint: `Wait for the drills that run; or reserve more: \`drill.vmids\` in the controller’s configuration.${look}`,
    retryable: true,
  });
}

/** @throws Failure `conflict` where the one address of scratch guests is taken. */
export function requireAddress(
  { network, vmids: { from, to } }: DrillPolicy,
  isBusy: (vmid: number) => boolean,
): void {
  const hasOneAddress = network.policy === 'bridge' && network.address !== 'dhcp';
  const isDrilling = Array.from({ length: to - from + 1 }, (_, index) => from + index).some(isBusy);
  if (!hasOneAddress || !isDrilling) return;
  throw new Failure('conflict', 'another drill has the one address that is configured for scratch guests', {
    hint: 'Wait for its end; or have them get addresses by DHCP: `drill.network.address`.',
    retryable: true,
  });
}

/**
 * Restores a backup into a scratch guest on an isolated network, waits until that is ready, and destroys it again,
 * whatever came of it. Where the controller stops meanwhile, the next one does.
 *
 * @returns how it ended, in words. @throws Failure where the backup did not prove itself, or the scratch guest is left.
 */
export async function runDrill(
  { backup, scratch }: DrillRequest,
  deps: DrillDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<string> {
  const { drills, clock, policy } = deps;
  const { operationId } = recorder;
  if (policy === undefined) throw new Failure('internal', 'a drill without a policy was planned');
  const { storage } = policy;
  const request = { backup, to: scratch, storage };
  const bench: RestoreBench = { node: nodeOf(request, deps.nodes), to: scratch, deps, recorder, signal };
  // Before there is anything that would have to be destroyed: what is not in the store is nobody's.
  const begun = { operationId, backupId: backup.id, vmid: backup.vmid, scratchVmid: scratch };
  await drills.begin({ ...begun, node: bench.node.name, startedAt: clock.now() });
  const orderId = await orderCopy(bench, backup.vmid);
  let result: Result;
  let failure: unknown;
  try {
    result = await rehearseRestore(bench, backup, policy);
  } catch (error) {
    signal.throwIfAborted();
    failure = error;
    // That somebody else has taken the VMID since it was planned is no word about the backup.
    const outcome = isTaken(error, scratch) ? 'interrupted' : 'failed';
    result = { outcome, readyAfterMs: null, message: describeError(error) };
  }
  recorder.step(result.outcome ?? 'failed', result.message);
  await deps.orders.close(orderId);
  const left = await removeScratch(bench, deps);
  await drills.finish(operationId, { ...result, finishedAt: clock.now() });
  if (failure !== undefined && result.outcome === 'interrupted') throw takenVmid(scratch, failure, left);
  if (failure !== undefined) throw failedDrill(backup, failure, left);
  if (left !== undefined) {
    throw new Failure('restore-failed', `${result.message}; but its scratch guest could not be removed`, {
      hint: left,
    });
  }
  return result.message;
}

/**
 * A drill that a controller which is gone had begun is not gone on with: what is left of it is destroyed.
 *
 * @throws Failure always: the drill has shown nothing
 */
export async function resumeDrill(
  drill: StoredDrill | undefined,
  orderId: string | undefined,
  requests: readonly NodeRequest[],
  deps: DrillDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<never> {
  if (orderId !== undefined) await deps.orders.close(orderId);
  if (drill !== undefined) {
    const left = await abandonDrill(drill, requests, deps, recorder, signal);
    if (left !== undefined) throw new Failure('restore-failed', INTERRUPTED, { hint: left });
  }
  throw new Failure('internal', 'the controller restarted during the drill; nothing of it is left', {
    hint: 'It says nothing about the backup. Ask for the drill again.',
    retryable: true,
  });
}

/**
 * Destroys what is left of a drill, and ends it.
 *
 * @returns what could not be removed, and how it is; undefined where nothing is left.
 */
export async function abandonDrill(
  drill: StoredDrill,
  requests: readonly NodeRequest[],
  deps: DrillDeps,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<string | undefined> {
  const node = deps.nodes.byName(drill.node, drill.vmid);
  const bench: RestoreBench = { node, to: drill.scratchVmid, deps, recorder, signal };
  for (const request of requests) {
    try {
      // However it ends: nothing is destroyed while the node works on it.
      const task = await findAgain(bench, request);
      await task?.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs });
    } catch (error) {
      signal.throwIfAborted();
      // No reason to leave a guest behind: one that is still worked on is locked, and then not touched.
      recorder.step('not-followed', describeError(error));
    }
  }
  const left = await removeScratch(bench, deps);
  const end = { outcome: 'interrupted', readyAfterMs: null, message: INTERRUPTED } as const;
  await deps.drills.finish(drill.operationId, { ...end, finishedAt: deps.clock.now() });
  return left;
}

async function rehearseRestore(bench: RestoreBench, backup: Backup, policy: DrillPolicy): Promise<Result> {
  const { node, to: scratch, deps, recorder, signal } = bench;
  const { agents, clock, limits } = deps;
  const { network, storage, pool } = policy;
  const archivedNow = await node.archivedConfig(backup.volid, signal);
  const networks = isolatedNetworks(archivedNow, network);
  const { description, tags } = drillMark(recorder.operationId, backup.vmid);
  // Proxmox VE judges a tag by the guest alone, which is in its pool, with what was granted there, only later.
  const besides = { description, ...networks, onboot: '0', ...(pool === undefined ? { tags } : { pool }) };
  const { task, archived } = await askForCopy(bench, { backup, to: scratch, storage }, besides);
  await awaitCopy(bench, task, backup.volid);
  recorder.step('restored', `scratch guest ${scratch} exists`);
  await compareConfig(bench, archived);
  requireIsolated(scratch, await requireOwn(bench), network);
  if (pool !== undefined) await tagScratch(bench, tags);
  recorder.step('isolated', `scratch guest ${scratch} reaches nothing else: ${describe(network)}`);
  const startedMs = clock.monotonicMs();
  await askToStart(bench);
  recorder.step('started', `scratch guest ${scratch} runs`);
  if (network.policy === 'link-down') return await settle(bench, policy.settleMs);
  const deadlineMs = limits.readyDeadlineMs;
  await awaitReady({ vmid: scratch, agents, deadlineMs, clock, recorder, signal, done: 'restored' });
  const readyAfterMs = Math.round(clock.monotonicMs() - startedMs);
  const seconds = (readyAfterMs / 1_000).toFixed(1);
  return { outcome: 'proven', readyAfterMs, message: `restorable, ready after ${seconds} s` };
}

/** The tag tells people what the guest is, and decides nothing: one that cannot be set says nothing of the backup. */
async function tagScratch({ node, to, recorder, signal }: RestoreBench, tags: string): Promise<void> {
  try {
    await node.tagGuest(to, tags, signal);
  } catch (error) {
    signal.throwIfAborted();
    recorder.step('not-tagged', describeError(error));
  }
}

/** With its link down a guest can tell nobody how it is: that it keeps running is all there is to see. */
async function settle({ node, to, deps, signal }: RestoreBench, settleMs: number): Promise<Result> {
  await deps.clock.sleep(settleMs, signal);
  if (!(await node.isRunning(to, signal))) {
    throw new Failure('restore-failed', `scratch guest ${to} was started, and does not run any more`);
  }
  const seconds = Math.round(settleMs / 1_000);
  const message = `restored, started and running for ${seconds} s; with its link down nobody could ask whether it was ready`;
  return { outcome: 'started', readyAfterMs: null, message };
}

async function requireSpace(
  backup: Backup,
  { nodes }: DrillDeps,
  policy: DrillPolicy,
  signal: AbortSignal,
): Promise<void> {
  const node = nodes.byName(backup.node, backup.vmid);
  const storage = policy.storage ?? (await node.restoreStorage(backup.vmid, signal));
  // A disk without a size can grow to anything; then the archive is the best word there is.
  const needed =
    disksBytes(await node.archivedConfig(backup.volid, signal)) ?? UNPACKED * (backup.sizeBytes ?? 0);
  const available = await node.availableBytes(storage, signal);
  if (available >= needed) return;
  throw new Failure(
    'conflict',
    `the storage ${storage} has ${gigabytes(available)} left, and the scratch guest may need ${gigabytes(needed)}`,
    { hint: 'A drill must not fill the storage that guests live on. Name another: `drill.storage`.' },
  );
}

/** How much larger than its archive a guest is taken to be. */
const UNPACKED = 4;

async function requireOwn({ node, to, recorder, signal }: RestoreBench): Promise<LxcConfig> {
  const config = await node.guestConfig(to, signal);
  if (isOwnScratch(config, recorder.operationId)) return config;
  throw new Failure('internal', `guest ${to} does not bear the mark of this drill, so it is left alone`, {
    hint: `Look at it: pct config ${to}`,
  });
}

/**
 * Destroys the scratch guest if the guest of that VMID says itself that it is this drill's.
 *
 * @returns what is left, and how it is removed; undefined where nothing is.
 */
async function removeScratch(bench: RestoreBench, deps: DrillDeps): Promise<string | undefined> {
  const { to, recorder, signal } = bench;
  const byHand = `Remove it by hand when you are sure: pct config ${to}; pct stop ${to}; pct unlock ${to}; pct destroy ${to}`;
  try {
    return await retry(async () => await destroyOwn(bench, deps, byHand), {
      ...CLEAN_UP_RETRY,
      what: `removing scratch guest ${to}`,
      signal,
      clock: deps.clock,
      deadlineMs: deps.limits.restoreDeadlineMs,
      retryable: isOutage,
      onRetry: (error) => recorder.step('node-lost', describeError(error)),
    });
  } catch (error) {
    signal.throwIfAborted();
    recorder.step('not-removed', describeError(error));
    return `Scratch guest ${to} could not be removed (${describeError(error)}). ${byHand}`;
  }
}

/** Who looks through all nodes has put it into the words of the contract already. */
function isOutage(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof Failure && error.code === 'node-unreachable');
}

async function destroyOwn(bench: RestoreBench, deps: DrillDeps, byHand: string): Promise<string | undefined> {
  const { node, to: vmid, recorder, signal } = bench;
  if (!(await deps.nodes.exists(vmid, signal))) {
    // In a pool a guest is only when its restore has ended.
    if (await isUnseen(node, vmid, signal)) {
      recorder.step('not-removed', unseenGuest(vmid));
      return `${unseenGuest(vmid)}. ${byHand}`;
    }
    await deps.forgetGuest(vmid);
    return undefined;
  }
  const config = await node.guestConfig(vmid, signal);
  if (!isOwnScratch(config, recorder.operationId)) {
    recorder.step('not-removed', `guest ${vmid} does not bear the mark of this drill`);
    return `A guest ${vmid} is there without the mark of this drill, so it was not touched. ${byHand}`;
  }
  if (config.lock !== undefined) {
    recorder.step('not-removed', `scratch guest ${vmid} is locked (${config.lock})`);
    return `Scratch guest ${vmid} is locked (${config.lock}), and no token may clear that. ${byHand}`;
  }
  const asker = askerOf(bench);
  const task = await askForTask(asker, { what: 'destroy', vmid }, () => node.destroyGuest(vmid, signal));
  requireSuccess(await task.wait({ signal, deadlineMs: asker.deadlineMs }));
  await deps.forgetGuest(vmid);
  recorder.step('removed', `scratch guest ${vmid} is destroyed`);
  return undefined;
}

/** Whether a guest is there that is seen by nobody. Where the token may not ask, the restore will tell. */
async function isUnseen(node: NodePort, vmid: number, signal: AbortSignal): Promise<boolean> {
  try {
    return !(await node.isFree(vmid, signal));
  } catch (error) {
    if (error instanceof ForbiddenError) return false;
    throw error;
  }
}

function unseenGuest(vmids: number | string): string {
  return `There is a guest ${vmids} that no token sees, as a restore leaves it that was killed`;
}

/** As the node says it, of whatever has the VMID. */
function isTaken(error: unknown, vmid: number): boolean {
  return new RegExp(String.raw`\b(CT|VM) ${vmid} already exists`).test(describeError(error));
}

function takenVmid(scratch: number, cause: unknown, left: string | undefined): Failure {
  const hint = left ?? 'It says nothing about the backup. Ask for the drill again.';
  const message = `the VMID ${scratch} of the scratch guest was taken before it was made`;
  return new Failure('conflict', message, { hint, retryable: true, cause });
}

function failedDrill({ volid }: Backup, error: unknown, left: string | undefined): Failure {
  const known = error instanceof Failure ? error : undefined;
  // What a failure of the copy advises is about a guest that is gone by now.
  const hint = left ?? 'Keep older backups, and find out why: the steps of the drill say how far it came.';
  return new Failure(known?.code ?? 'restore-failed', `the backup ${volid} did not prove restorable`, {
    hint,
    cause: error,
  });
}

function describe(network: DrillPolicy['network']): string {
  return network.policy === 'link-down' ? 'link down' : `bridge ${network.bridge}`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1_000_000_000).toFixed(1)} GB`;
}
