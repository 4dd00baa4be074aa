import { type Clock, systemClock, withDeadline } from '@tacet/runtime';
import { MissingError, ProxmoxError, ServerError, UnreachableError } from './errors.ts';
import type { CallOptions } from './transport.ts';
import type { TaskLine, TasksApi, TaskStatus } from './tasks.ts';
import type { Upid } from './upid.ts';

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** For the whole task. */
  readonly deadlineMs: number;
  /** The pause between two polls; a function is asked each time. Default 500 ms. */
  readonly pollMs?: number | (() => number);
  /** For each request; one that takes longer is asked again. Default 10 s. */
  readonly pollTimeoutMs?: number;
  readonly clock?: Clock;
  /** A poll failed in a way that may pass; it is tried again until the deadline. */
  readonly onPollError?: (error: ProxmoxError) => void;
  /**
   * Which other refusals may pass too, as a 401 may while a token is renewed: the task goes on whether or not it may
   * be seen. Such a poll is tried again after ever longer pauses. Default: none.
   */
  readonly mayPass?: (error: ProxmoxError) => boolean;
}

/**
 * What one successful poll of the log saw. All lines that existed when the node answered have been yielded
 * by then, so a line that is not among them was not in the log at `sentAtMs`.
 */
export interface TaskPoll {
  /** When the request was begun, by `Clock.monotonicMs()`. */
  readonly sentAtMs: number;
  /** When its answer had been read, by the same clock. */
  readonly receivedAtMs: number;
  /** Those that no earlier poll has shown. */
  readonly lines: readonly TaskLine[];
  /** Only in the last poll: the task has stopped, and nothing more will be logged. */
  readonly status?: TaskStatus;
}

type Poller = Pick<TasksApi, 'log' | 'status'>;

const LOG_PAGE = 1_000;
const MAX_REFUSED_PAUSE_MS = 30_000;
const TASK_LINE = /^TASK (?:OK$|WARNINGS: |ERROR: )/;

/**
 * Polls a task until it has stopped and its log is complete, and yields every poll, empty ones too. The next
 * poll starts only when the consumer asks for it.
 * @throws DeadlineError, the signal's reason, or the ProxmoxError of a poll that cannot succeed later
 */
export async function* followTask(
  tasks: Poller,
  upid: Upid,
  options: FollowOptions,
): AsyncGenerator<TaskPoll, void, void> {
  const { clock = systemClock, pollMs = 500, pollTimeoutMs = 10_000, onPollError, mayPass } = options;
  using deadline = withDeadline(options.signal, options.deadlineMs, `the task ${upid}`, clock);
  const { signal } = deadline;
  let refusals = 0;
  const pause = (): Promise<void> => {
    const plainMs = typeof pollMs === 'function' ? pollMs() : pollMs;
    const longerMs = Math.min(MAX_REFUSED_PAUSE_MS, plainMs * 2 ** refusals);
    return clock.sleep(Math.max(plainMs, longerMs), signal);
  };

  async function attempt<T>(request: (call: CallOptions) => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await request({ signal, timeoutMs: pollTimeoutMs });
      refusals = 0;
      return answer;
    } catch (error) {
      if (!(error instanceof ProxmoxError)) throw error;
      const isOutage = error instanceof UnreachableError || error instanceof ServerError;
      if (!isOutage && mayPass?.(error) !== true) throw error;
      if (!isOutage) refusals += 1;
      onPollError?.(error);
      return undefined;
    }
  }

  let next = 1;
  async function readLog(call: CallOptions): Promise<TaskPoll | 'unreadable'> {
    const sentAtMs = clock.monotonicMs();
    const lines: TaskLine[] = [];
    try {
      for (let full = true; full;) {
        const page = await tasks.log(upid, { ...call, from: next + lines.length, limit: LOG_PAGE });
        lines.push(...page);
        full = page.length === LOG_PAGE;
      }
    } catch (error) {
      if (error instanceof MissingError) return 'unreadable'; // no poll: it says nothing about any line
      throw error;
    }
    next += lines.length;
    return { sentAtMs, receivedAtMs: clock.monotonicMs(), lines };
  }

  let sawTaskLine = false;
  for (;;) {
    const poll = await attempt(readLog);
    const lines = typeof poll === 'object' ? poll.lines : [];
    if (typeof poll === 'object') yield poll;
    sawTaskLine ||= lines.some(({ text }) => TASK_LINE.test(text));
    // A worker that was killed writes no TASK line, so silence proves nothing; one that logs is alive.
    if (sawTaskLine || lines.length === 0) {
      const status = await attempt((call) => tasks.status(upid, call));
      if (status?.status === 'stopped') return yield* lastPoll(status);
    }
    await pause();
  }

  /** What was logged between the last look at the log and the end. */
  async function* lastPoll(status: TaskStatus): AsyncGenerator<TaskPoll, void, void> {
    for (;;) {
      const poll = await attempt(readLog);
      if (poll === 'unreadable') {
        const nowMs = clock.monotonicMs();
        return yield { sentAtMs: nowMs, receivedAtMs: nowMs, lines: [], status };
      }
      if (poll !== undefined) return yield { ...poll, status };
      await pause();
    }
  }
}
