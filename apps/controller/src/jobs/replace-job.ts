import type { Backup } from '@tacet/protocol';
import { type LxcConfig, requireSuccess } from '@tacet/proxmox';
import { DeadlineError, describeError, TacetError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import { askForTask } from './asked-task.ts';
import { awaitReady } from './await-ready.ts';
import type { NodePort, NodesPort, RestoreCall } from './ports.ts';
import type { Recorder } from './recorder.ts';
import {
  askerOf,
  askToRestore,
  askToStart,
  compareConfig,
  notRestored,
  nodeOf,
  orStartByHand,
  planCall,
  requireOperator,
  requireVisible,
  type RestoreBench,
  type RestoreDeps,
  type RestoreRequest,
  unlessCutOff,
} from './restore-job.ts';
import { goOnStarting } from './resume-restore.ts';

export interface ReplaceRequest extends RestoreRequest {
  /** Said by whoever asks: what is there is destroyed. */
  readonly replace?: boolean | undefined;
  /** What is made of the guest as it is; a backup when undefined. */
  readonly safety?: 'backup' | 'none' | undefined;
}

export interface ReplaceDeps extends RestoreDeps {
  /** Backs the guest up as it is now; the history has it like any other. @throws Failure when no backup came of it */
  readonly makeSafetyBackup: (recorder: Recorder, signal: AbortSignal) => Promise<Backup>;
}

/** A restore over the guest itself; `to` is that guest. */
export function isInPlace({ backup, to }: RestoreRequest): boolean {
  return backup.vmid === to;
}

/** Refuses what cannot work, before anything is touched. @throws Failure `conflict` or `invalid-input` */
export async function checkReplacement(
  request: ReplaceRequest,
  nodes: NodesPort,
  signal: AbortSignal,
): Promise<void> {
  const { to, backup, replace, regenerate = [] } = request;
  if (regenerate.length > 0) {
    throw new Failure('invalid-input', 'a guest that is restored in place shares nothing with anybody', {
      hint: 'regenerate is for copies: leave it out.',
    });
  }
  const exists = await nodes.exists(to, signal);
  const node = exists ? await nodes.locate(to, signal) : nodeOf(request, nodes);
  requireOperator(node);
  await requireVisible(node, backup, signal);
  if (!exists) return;
  if (request.node !== undefined && request.node !== node.name) {
    throw new Failure('conflict', `guest ${to} is on node ${node.name}, not on ${request.node}`, {
      hint: 'In place means where it is; migrate it afterwards.',
    });
  }
  if (replace !== true) {
    throw new Failure('conflict', `guest ${to} is there, and its disks and snapshots would be destroyed`, {
      hint: `If that is wanted: ${inPlaceAgain(to, backup.id)} (in the API: "replace": true).`,
    });
  }
  const config = await node.guestConfig(to, signal);
  requireBackedUp(to, config);
  const { protection, lock } = config;
  if (protection) {
    throw new Failure('conflict', `guest ${to} is protected`, {
      hint: `Take the protection off first: pct set ${to} --protection 0`,
    });
  }
  if (lock !== undefined) {
    throw new Failure('conflict', `guest ${to} is locked (${lock})`, {
      hint: 'Something else is being done with it. Try again when that is over.',
      retryable: true,
    });
  }
}

/** Proxmox VE destroys all volumes of the guest, also those that no backup takes along. @throws Failure `conflict` */
function requireBackedUp(vmid: number, { mountPoints }: LxcConfig): void {
  const lost = mountPoints.filter(({ kind, backedUp }) => kind === 'volume' && !backedUp);
  if (lost.length === 0) return;
  const names = lost.map(({ key, path }) => `${key} (${path})`).join(', ');
  throw new Failure(
    'conflict',
    `guest ${vmid} has volumes that are in no backup, and would be lost: ${names}`,
    {
      hint: `Set backup=1 on them (pct set ${vmid} --${lost[0]?.key} …,backup=1) and back up again (tacet backup ${vmid}); or move their data out of the guest, and remove them.`,
    },
  );
}

/** The command that asks for this very restore. */
export function inPlaceAgain(vmid: number, backupId: string): string {
  return `tacet restore ${vmid} --in-place --backup ${backupId}`;
}

/**
 * Restores a guest over itself: safety backup, shut down, restore, start, ready. Until Proxmox VE was asked for the
 * restore, every failure leaves the guest as it was, running again.
 *
 * @param onRestored called as soon as the restored guest exists.
 * @throws Failure that says what is left, and how to go back.
 */
export async function runReplacement(
  request: ReplaceRequest,
  deps: ReplaceDeps,
  recorder: Recorder,
  onRestored: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { to, backup, safety = 'backup' } = request;
  const exists = await deps.nodes.exists(to, signal);
  const node = exists ? await deps.nodes.locate(to, signal) : nodeOf(request, deps.nodes);
  const bench: RestoreBench = { node, to, deps, recorder, signal };
  const { call, archived } = await plan(bench, request, exists);
  const before = exists && safety === 'backup' ? await orUntouched(bench, deps, backup) : undefined;
  const wasRunning = exists && (await shutDown(bench));
  await putBackup(bench, call, { wasRunning, before });
  onRestored();
  recorder.step('restored', `guest ${to} is what it was in ${backup.volid}`);
  await finishReplacement(bench, archived, undefined);
}

/** From the restored guest on: config, start, ready. */
export async function finishReplacement(
  bench: RestoreBench,
  archived: LxcConfig | undefined,
  start: NodeRequest | undefined,
): Promise<void> {
  await compareConfig(bench, archived);
  await startReplaced(bench, start, 'restored');
}

/** Starts a guest whose disks are other ones now, unless that was asked for already, and waits until it is ready. */
export async function startReplaced(
  bench: RestoreBench,
  start: NodeRequest | undefined,
  done: string,
): Promise<void> {
  const { to, deps } = bench;
  // It is stopped until it is started: whoever is still connected then is what it was before.
  const staleSession = start === undefined ? (deps.agents.picture(to)?.session ?? null) : null;
  await orStartByHand(bench, () => goOnStarting(bench, start), done);
  await awaitReplaced(bench, staleSession, done);
}

async function awaitReplaced(bench: RestoreBench, staleSession: object | null, done: string): Promise<void> {
  const { to: vmid, deps, recorder, signal } = bench;
  const { agents, clock, limits } = deps;
  const deadlineMs = limits.readyDeadlineMs;
  const arrival = { step: 'back', message: `the agent of guest ${vmid} has called again` };
  const awaited = { vmid, agents, deadlineMs, clock, recorder, signal, done, staleSession, arrival };
  await unlessCutOff(bench, () => awaitReady(awaited));
}

/**
 * After a failure: a guest that nothing was destroyed of runs again, if it did before. Never rejects but by the signal.
 *
 * @param wasRunning undefined where that is not known; then nothing is started.
 * @returns in words how it is, ending with `as before.` where it is.
 */
export async function bringBack(bench: RestoreBench, wasRunning: boolean | undefined): Promise<string> {
  const { node, to, deps, recorder, signal } = bench;
  try {
    if (!(await deps.nodes.exists(to, signal))) return `There is no guest ${to} any more.`;
    const { lock } = await node.guestConfig(to, signal);
    if (lock !== undefined) {
      return `Guest ${to} is locked (${lock}), and may be half restored: look at it with pct config ${to}; pct unlock ${to} clears the lock.`;
    }
    let isRunning = await node.isRunning(to, signal);
    if (wasRunning === true && !isRunning) {
      await askToStart(bench);
      isRunning = true;
    }
    const state = isRunning ? 'runs' : 'is stopped';
    if (wasRunning === undefined) return `Guest ${to} ${state}; whether it ran before is not known.`;
    if (wasRunning !== isRunning) return `Guest ${to} ${state}, and did not before.`;
    recorder.step('as-before', `guest ${to} ${state} as before`);
    return `Guest ${to} ${state} as before.`;
  } catch (error) {
    signal.throwIfAborted();
    return `Whether guest ${to} runs could not be made sure of (${describeError(error)}): see pct status ${to}.`;
  }
}

async function orUntouched(bench: RestoreBench, deps: ReplaceDeps, wanted: Backup): Promise<Backup> {
  const { to, recorder, signal } = bench;
  try {
    const made = await deps.makeSafetyBackup(recorder, signal);
    recorder.step(
      'safety',
      `the root disk of guest ${to} and its mount points with backup=1, as they were until now, are in ${made.volid}; what is bind-mounted or passed through is in no backup`,
    );
    return made;
  } catch (cause) {
    signal.throwIfAborted();
    throw new Failure('restore-failed', `no safety backup of guest ${to} was made, so nothing was touched`, {
      hint: `Find out why, or go without: ${inPlaceAgain(to, wanted.id)} --no-safety-backup`,
      cause,
    });
  }
}

async function plan(
  bench: RestoreBench,
  request: ReplaceRequest,
  exists: boolean,
): ReturnType<typeof planCall> {
  const { to, node, recorder, signal } = bench;
  try {
    const { call, archived } = await planCall(bench, request);
    const kept = { ...call, keepMacs: true };
    if (!exists) return { call: kept, archived };
    const snapshots = await node.snapshots(to, signal);
    const names = snapshots.map(({ name }) => name).join(', ');
    if (names !== '') recorder.step('snapshots', `the snapshots of guest ${to} go with its disks: ${names}`);
    return { call: { ...kept, replace: true }, archived };
  } catch (error) {
    throw notRestored(error, bench, request.backup.volid, `Guest ${to} was not touched.`);
  }
}

/** @returns whether it ran. */
async function shutDown(bench: RestoreBench): Promise<boolean> {
  const { node, to: vmid, deps, recorder, signal } = bench;
  let wasRunning: boolean | undefined;
  try {
    wasRunning = await node.isRunning(vmid, signal);
    if (!wasRunning) return false;
    const ask = (): ReturnType<NodePort['shutDownGuest']> => node.shutDownGuest(vmid, signal);
    const task = await askForTask(askerOf(bench), { what: 'stop', vmid }, ask);
    requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
    recorder.step('stopped', `guest ${vmid} is shut down`);
    return true;
  } catch (cause) {
    signal.throwIfAborted();
    const state = await bringBack(bench, wasRunning);
    const hint = cause instanceof TacetError && cause.hint !== undefined ? `${cause.hint} ` : '';
    throw new Failure('restore-failed', `guest ${vmid} could not be shut down, so nothing was replaced`, {
      hint: `${hint}${state}`,
      cause,
    });
  }
}

async function putBackup(bench: RestoreBench, call: RestoreCall, was: Was): Promise<void> {
  const { signal, deps } = bench;
  try {
    const task = await askToRestore(bench, call);
    requireSuccess(await task.wait({ signal, deadlineMs: deps.limits.restoreDeadlineMs }));
  } catch (error) {
    if (signal.aborted || error instanceof DeadlineError) throw error;
    throw await notReplaced(error, bench, call.volid, was);
  }
}

/** What the guest was before it was to be replaced. */
interface Was {
  readonly wasRunning: boolean;
  /** The safety backup, where one was made. */
  readonly before: Backup | undefined;
}

/** What is left, and the way back. */
export async function notReplaced(
  error: unknown,
  bench: RestoreBench,
  volid: string,
  { wasRunning, before }: Was,
): Promise<unknown> {
  const { to } = bench;
  const state = await bringBack(bench, wasRunning);
  const back =
    before === undefined
      ? 'No safety backup was made of what it was.'
      : `What it was is in ${before.volid}: ${inPlaceAgain(to, before.id)} brings it back.`;
  // A guest that is gone has taken along what was granted on it.
  const byHand = state.startsWith('There is no guest')
    ? ` Where no token may make it, as root on ${bench.node.name}: pct restore ${to} ${before?.volid ?? volid}`
    : '';
  return notRestored(error, bench, volid, state.endsWith('as before.') ? state : `${state} ${back}${byHand}`);
}
