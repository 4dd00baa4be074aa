import { ManualClock } from '@tacet/runtime';
import type { TaskLine, TasksApi, TaskStatus } from '../tasks.ts';
import { type Upid, upidSchema } from '../upid.ts';

export const UPID: Upid = upidSchema.parse('UPID:pve1:00000960:0002F0EA:6B02F7BA:vzdump:201:dual@pve!tk:');

export interface TaskScript {
  /** `[when, text]`, by the clock, oldest first. */
  readonly lines: readonly (readonly [number, string])[];
  /** When the task stops, and how. Never unless given. */
  readonly end?: readonly [number, string];
  /** Thrown instead of an answer, while it gives one. */
  readonly failure?: (nowMs: number, what: 'log' | 'status') => Error | undefined;
  /** What a request takes; its answer shows the log as it is half-way through. */
  readonly latencyMs?: number;
}

/** A task whose log grows and which ends by a clock that the test moves. */
export function scriptedTask(script: TaskScript): Pick<TasksApi, 'log' | 'status'> & {
  readonly clock: ManualClock;
  /** When each request was made. */
  readonly requests: { what: 'log' | 'status'; atMs: number }[];
} {
  const clock = new ManualClock();
  const requests: { what: 'log' | 'status'; atMs: number }[] = [];

  async function answer<T>(
    what: 'log' | 'status',
    signal: AbortSignal | undefined,
    see: () => T,
  ): Promise<T> {
    requests.push({ what, atMs: clock.monotonicMs() });
    const halfMs = (script.latencyMs ?? 0) / 2;
    if (halfMs > 0) await clock.sleep(halfMs, signal);
    const failure = script.failure?.(clock.monotonicMs(), what);
    if (failure !== undefined) throw failure;
    const seen = see();
    if (halfMs > 0) await clock.sleep(halfMs, signal);
    return seen;
  }

  return {
    clock,
    requests,
    log: (_upid, options) =>
      answer('log', options?.signal, (): TaskLine[] =>
        script.lines
          .filter(([atMs]) => atMs <= clock.monotonicMs())
          .map(([, text], index) => ({ n: index + 1, text }))
          .slice((options?.from ?? 1) - 1)
          .slice(0, options?.limit),
      ),
    status: (_upid, options) =>
      answer('status', options?.signal, (): TaskStatus => {
        const common = { upid: UPID, type: 'vzdump', id: '201', startedAtMs: 0 };
        const ended = script.end !== undefined && script.end[0] <= clock.monotonicMs();
        return ended
          ? { ...common, status: 'stopped', exitstatus: script.end[1] }
          : { ...common, status: 'running', exitstatus: undefined };
      }),
  };
}
