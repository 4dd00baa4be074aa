import {
  ForbiddenError,
  GuestNotHereError,
  MissingError,
  type ProxmoxError,
  TaskFailedError,
  UnexpectedAnswerError,
} from './errors.ts';
import { followTask, type FollowOptions, type TaskPoll } from './follow-task.ts';
import type { TaskLine, TasksApi, TaskStatus } from './tasks.ts';
import type { Upid } from './upid.ts';

interface Ended {
  /** As Proxmox words it. */
  readonly exitstatus: string;
  readonly log: readonly TaskLine[];
}

/** A task is good when it says `OK` or counts warnings. That it could be started says nothing. */
export type TaskOutcome =
  | (Ended & { readonly status: 'ok' })
  | (Ended & { readonly status: 'warnings'; readonly warnings: number })
  | (Ended & {
      readonly status: 'failed';
      /** What the log's `ERROR:` lines say; only they name the cause of `job errors`. */
      readonly errorLines: readonly string[];
      readonly error: ProxmoxError;
    });

/** Follows a task to its end. See `followTask` for what it throws; a task that failed is not thrown. */
export async function waitForTask(
  tasks: Pick<TasksApi, 'log' | 'status'>,
  upid: Upid,
  { onPoll, ...options }: FollowOptions & { onPoll?: (poll: TaskPoll) => void },
): Promise<TaskOutcome> {
  const log: TaskLine[] = [];
  for await (const poll of followTask(tasks, upid, options)) {
    log.push(...poll.lines);
    onPoll?.(poll);
    if (poll.status !== undefined) return taskOutcome(poll.status, log);
  }
  throw new UnexpectedAnswerError(`the task ${upid} was followed to no end`);
}

/** @throws the failed task's error */
export function requireSuccess(outcome: TaskOutcome): TaskOutcome {
  if (outcome.status === 'failed') throw outcome.error;
  return outcome;
}

export function taskOutcome(task: TaskStatus, log: readonly TaskLine[]): TaskOutcome {
  const exitstatus = task.exitstatus ?? 'stopped without a status';
  if (exitstatus === 'OK') return { status: 'ok', exitstatus, log };
  const warnings = /^WARNINGS: (\d+)$/.exec(exitstatus)?.[1];
  if (warnings !== undefined) return { status: 'warnings', exitstatus, warnings: Number(warnings), log };

  const errorLines = log.flatMap(({ text }) => /^ERROR: (.*)$/.exec(text)?.[1] ?? []);
  const cause = errorLines.length === 0 ? '' : `: ${errorLines.join('; ')}`;
  const text = `${task.type} ${task.id}`.trim();
  const error = failure(`the task ${text} ended with '${exitstatus}'${cause}`);
  return { status: 'failed', exitstatus, errorLines, log, error };
}

function failure(message: string): ProxmoxError {
  const context = { mayHaveStarted: true };
  if (message.includes('403 Permission check failed')) return new ForbiddenError(message, context);
  if (/unable to find VM/.test(message)) return new GuestNotHereError(message, context);
  if (/does not exist/.test(message)) return new MissingError(message, context);
  return new TaskFailedError(message, context);
}
