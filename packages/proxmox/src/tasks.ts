import * as z from 'zod';
import { MissingError } from './errors.ts';
import type { CallOptions, Transport } from './transport.ts';
import { parseUpid, type Upid, upidSchema } from './upid.ts';
import { epochSeconds, nothing, numeric } from './values.ts';

const identity = {
  upid: upidSchema,
  type: z.string(),
  /** Mostly the guest's VMID; empty for a job over several guests. */
  id: z.string().default(''),
  starttime: epochSeconds,
};

const taskStatus = z
  .object({ ...identity, status: z.enum(['running', 'stopped']), exitstatus: z.string().optional() })
  .transform(({ starttime, ...rest }) => ({ ...rest, startedAtMs: starttime }));
export type TaskStatus = z.output<typeof taskStatus>;

const listedTask = z
  .object({ ...identity, endtime: epochSeconds.optional(), status: z.string().optional() })
  .transform(({ starttime, endtime, status, ...rest }) => ({
    ...rest,
    startedAtMs: starttime,
    endedAtMs: endtime,
    running: endtime === undefined,
    exitstatus: endtime === undefined ? undefined : status,
  }));
export type ListedTask = z.output<typeof listedTask>;

const logLine = z.object({ n: numeric, t: z.string() }).transform(({ n, t }) => ({ n, text: t }));
export interface TaskLine {
  /** Counted from 1. */
  readonly n: number;
  readonly text: string;
}

export interface TaskFilter extends CallOptions {
  readonly source?: 'active' | 'archive' | 'all';
  readonly type?: string;
  readonly vmid?: number;
  readonly limit?: number;
  /** Epoch milliseconds. */
  readonly sinceMs?: number;
}

/** What the node writes in place of the lines of a log that is still empty. */
const EMPTY = 'no content';
/** … and of one that is not, or no longer, there. Status 200 all the same. */
const UNREADABLE = 'unable to open file';

function path(upid: Upid, ...rest: string[]): string[] {
  return ['nodes', parseUpid(upid).node, 'tasks', upid, ...rest];
}

export type TasksApi = ReturnType<typeof tasksApi>;

export function tasksApi(transport: Transport) {
  return {
    /** The token's own; all of the node's with `Sys.Audit`. */
    list: (node: string, { source, type, vmid, limit, sinceMs, ...options }: TaskFilter = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: ['nodes', node, 'tasks'],
        params: {
          source,
          typefilter: type,
          vmid,
          limit,
          since: sinceMs === undefined ? undefined : Math.floor(sinceMs / 1_000),
        },
        answer: z.array(listedTask),
      }),

    status: (upid: Upid, options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: path(upid, 'status'), answer: taskStatus }),

    /**
     * The lines from number `from` on, at most `limit` of them. A placeholder is no line: an empty log is
     * empty here, so that the real first line is not taken for one that was read before.
     * @throws MissingError for a log that cannot be read, which proves nothing about its lines
     */
    async log(
      upid: Upid,
      { from = 1, limit = 1_000, ...options }: CallOptions & { from?: number; limit?: number } = {},
    ): Promise<TaskLine[]> {
      const lines = await transport.call({
        ...options,
        method: 'GET',
        path: path(upid, 'log'),
        params: { start: from - 1, limit },
        answer: z.array(logLine),
      });
      const [only] = lines;
      if (lines.length === 1 && only?.n === 1) {
        if (only.text === EMPTY) return [];
        if (only.text.startsWith(UNREADABLE)) throw new MissingError(`the log of ${upid}: ${only.text}`);
      }
      return lines.filter(({ n }) => n >= from);
    },

    /** SIGTERM, and SIGKILL after 5 s. A killed vzdump leaves its lock and its snapshot on the guest. */
    stop: (upid: Upid, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'DELETE',
        path: path(upid),
        answer: nothing,
      }),
  };
}
