import { type Clock, describeError } from '@tacet/runtime';
import type { NewNodeRequest, NodeRequest } from '../store/node-requests.ts';
import { findTask, mayBeUnderWay, taskTypeOf } from './find-task.ts';
import type { NodePort, StartedTask } from './ports.ts';
import type { Recorder } from './recorder.ts';

/** Who asks a node for tasks, and where that is written. */
export interface Asker {
  readonly node: NodePort;
  readonly clock: Clock;
  /** For finding out what became of a request whose answer was lost. */
  readonly deadlineMs: number;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

type Wanted = Pick<NewNodeRequest, 'what' | 'vmid'> &
  Partial<Pick<NewNodeRequest, 'storage' | 'volid' | 'wasRunning'>>;

/** Writes down what a node is about to be asked for. */
export async function noteRequest(asker: Asker, wanted: Wanted): Promise<NewNodeRequest> {
  const { node, clock, recorder, signal } = asker;
  const { what, vmid } = wanted;
  const asked: NewNodeRequest = {
    storage: '',
    volid: null,
    ...wanted,
    node: node.name,
    askedAt: clock.now(),
    known: await knownTasks(node, what, vmid, signal),
  };
  await recorder.asking(asked);
  signal.throwIfAborted();
  return asked;
}

/**
 * Asks for what was noted. Where the answer is lost, what came of it is looked for instead of being asked for again.
 *
 * @param onLost called as soon as the answer is known to be lost, before anything is looked for.
 */
export async function askNoted(
  asker: Asker,
  asked: NewNodeRequest,
  ask: () => Promise<StartedTask>,
  onLost: () => Promise<void> = async () => undefined,
): Promise<StartedTask> {
  const { recorder, signal } = asker;
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (!mayBeUnderWay(error)) throw error;
    recorder.step('request-lost', describeError(error));
    await onLost();
    const task = await findAsked(asker, { ...asked, upid: null, seen: null });
    if (task === undefined) throw error;
    return task;
  }
}

/** Notes, asks, and notes the task. */
export async function askForTask(
  asker: Asker,
  wanted: Wanted,
  ask: () => Promise<StartedTask>,
): Promise<StartedTask> {
  const task = await askNoted(asker, await noteRequest(asker, wanted), ask);
  asker.recorder.accepted(task.upid);
  return task;
}

/** What has come of a request, be it one of a controller that is gone. Undefined where nothing has. */
export async function findAsked(asker: Asker, request: NodeRequest): Promise<StartedTask | undefined> {
  const { node, clock, deadlineMs, recorder, signal } = asker;
  return await findTask(request, {
    node,
    clock,
    deadlineMs,
    onRetry: (cause) => recorder.step('node-lost', describeError(cause)),
    signal,
  });
}

/** Null where they cannot be listed; that is no reason not to go on. */
async function knownTasks(
  node: NodePort,
  what: NewNodeRequest['what'],
  vmid: number,
  signal: AbortSignal,
): Promise<string[] | null> {
  try {
    return (await node.ownTasks(taskTypeOf(what), vmid, signal)).map(({ upid }) => upid);
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
