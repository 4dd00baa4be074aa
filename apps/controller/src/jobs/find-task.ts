import { ForbiddenError, MissingError, parseUpid, ProxmoxError, UnreachableError } from '@tacet/proxmox';
import { type Clock, retry } from '@tacet/runtime';
import type { NodeRequest } from '../store/node-requests.ts';
import type { NodePort, StartedTask, TaskType } from './ports.ts';

const typeOf: Readonly<Record<NodeRequest['what'], TaskType>> = {
  backup: 'vzdump',
  hook: 'vzdump',
  restore: 'vzrestore',
  start: 'vzstart',
  stop: 'vzshutdown',
  snapshot: 'vzsnapshot',
  rollback: 'vzrollback',
  destroy: 'vzdestroy',
};

export function taskTypeOf(what: NodeRequest['what']): TaskType {
  return typeOf[what];
}

/** How far the clocks of node and controller may be apart. */
const SKEW_MS = 300_000;
/** A node that hung carries out late what it was asked for. */
const LATE_MS = 900_000;
/** Between two looks that both find nothing: only then nothing was started. */
const SECOND_LOOK_MS = 2_000;
const RETRY = { baseMs: 2_000, capMs: 30_000 };

interface Search {
  readonly node: NodePort;
  readonly clock: Clock;
  readonly deadlineMs: number;
  /** The node cannot be asked now; it will be asked again. */
  readonly onRetry: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** No answer, or one that does not say whether the task was started. */
export function mayBeUnderWay(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof ProxmoxError && error.mayHaveStarted);
}

/**
 * The task that has come of a request whose answer nobody heard, found by guest, token and time. Undefined when
 * the node has none, now and a little later, while the daemon that would have started it answers.
 *
 * @throws DeadlineError while the node does not say.
 */
export async function findTask(request: NodeRequest, search: Search): Promise<StartedTask | undefined> {
  if (request.upid !== null) return search.node.task(typeOf[request.what], request.upid);
  const first = await look(request, search);
  if (first !== undefined) return first;
  await search.clock.sleep(SECOND_LOOK_MS, search.signal);
  return await look(request, search);
}

async function look(
  request: NodeRequest,
  { node, clock, deadlineMs, onRetry, signal: parent }: Search,
): Promise<StartedTask | undefined> {
  const { what, vmid } = request;
  return await retry(
    async (signal) => {
      await requireDaemon(node, request, signal);
      const tasks = await node.ownTasks(typeOf[what], vmid, signal);
      return tasks.find((task) => mayBeOf(task, request));
    },
    {
      ...RETRY,
      what: `finding out what ${node.name} has started for guest ${vmid}`,
      signal: parent,
      clock,
      deadlineMs,
      retryable: (error) => error instanceof ProxmoxError,
      onRetry,
    },
  );
}

/** The list of tasks comes from another process than the one that starts them, which may hang with a request. */
async function requireDaemon(node: NodePort, request: NodeRequest, signal: AbortSignal): Promise<void> {
  const { vmid, storage, volid } = request;
  try {
    const onStorage = volid?.split(':')[0] ?? storage;
    if (onStorage === '') await node.isRunning(vmid, signal);
    else await node.storageStatus(onStorage, signal);
  } catch (error) {
    // No right to ask, or no such guest: then it has answered, and the list must do.
    if (!(error instanceof ForbiddenError || error instanceof MissingError)) throw error;
  }
}

function mayBeOf({ upid }: StartedTask, { askedAt, known }: NodeRequest): boolean {
  const { startedAtMs } = parseUpid(upid);
  if (startedAtMs > askedAt + SKEW_MS + LATE_MS) return false;
  return known === null ? startedAtMs >= askedAt - SKEW_MS : !known.includes(upid);
}
