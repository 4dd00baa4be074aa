import type { BackupObservation } from '@tacet/core';
import {
  ForbiddenError,
  parseVzdumpLine,
  type TaskLine,
  taskOutcome,
  type TaskOutcome,
  type TaskPoll,
  UnauthorizedError,
  type VzdumpEvent,
} from '@tacet/proxmox';
import { DeadlineError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { JobClock } from './job-clock.ts';
import type { StartedTask } from './ports.ts';
import type { QuiesceWindow } from './quiesce-window.ts';
import type { Recorder } from './recorder.ts';

/** What the log of one vzdump task has shown so far. */
export interface TaskSightings {
  mode: BackupObservation['mode'];
  snapshotSeenAt: number | undefined;
  snapshotLine: string | undefined;
  /** The archive as the log names it. */
  archive: { path: string; target: 'file' | 'pbs' } | undefined;
  /** The node's one vzdump lock was taken. */
  lockFailed: boolean;
  outcome: TaskOutcome | undefined;
}

/** Between two looks once nothing is held: a backup takes minutes. */
const RELAXED_POLL_MS = 1_000;

interface WatchOptions {
  readonly task: StartedTask;
  readonly window: QuiesceWindow | undefined;
  readonly pollMs: number;
  readonly deadlineMs: number;
  readonly now: JobClock;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
  /** The hold has ended, and this is what the log had shown by then. */
  readonly onThawed?: (seen: TaskSightings) => void;
}

/**
 * Follows a vzdump task to its end, and ends the hold at the first line that proves the snapshot, or that
 * shows that there will be none. Thawing comes before everything else that a poll gives cause to do.
 */
export async function watchBackup(options: WatchOptions): Promise<TaskSightings> {
  const { task, window, recorder, now } = options;
  const seen: TaskSightings = {
    mode: undefined,
    snapshotSeenAt: undefined,
    snapshotLine: undefined,
    archive: undefined,
    lockFailed: false,
    outcome: undefined,
  };
  const log: TaskLine[] = [];
  let isLost = false;
  let isThawing = false;
  const endHold = (why: string): void => {
    if (window === undefined || isThawing) return;
    isThawing = true;
    void (async () => {
      await window.thaw(why); // never rejects
      options.onThawed?.(seen);
    })();
  };
  const polls = task.follow({
    signal: options.signal,
    deadlineMs: options.deadlineMs,
    pollMs: () => (window?.isHeld === true ? options.pollMs : RELAXED_POLL_MS),
    onPollError: (error) => {
      const isRefused = error instanceof UnauthorizedError || error instanceof ForbiddenError;
      if (isRefused) endHold('the node does not show the task any more');
      if (!isLost) recorder.step('node-lost', `the task goes on unseen: ${error.message}`);
      isLost = true;
    },
  });
  try {
    for await (const poll of polls) take(poll);
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    throw new Failure('deadline-exceeded', `the end of ${task.upid} was not seen`, {
      hint: 'It may have gone on: its log on the node says how it ended, and the storage shows what it made.',
      cause: error,
    });
  }
  return seen;

  function take(poll: TaskPoll): void {
    const end = takeIn(seen, poll, now);
    if (end !== undefined) endHold(end);
    if (isLost) recorder.step('node-back', 'the task can be seen again');
    isLost = false;
    for (const line of poll.lines) report(line, recorder);
    log.push(...poll.lines);
    if (poll.status !== undefined) seen.outcome = taskOutcome(poll.status, log);
  }
}

/** Notes what a poll shows. @returns why the hold has no purpose any more, when it has none. */
function takeIn(seen: TaskSightings, poll: TaskPoll, now: JobClock): string | undefined {
  const ends = poll.lines.flatMap(({ text }) => takeInLine(seen, text, now) ?? []);
  return ends[0] ?? (poll.status === undefined ? undefined : 'the backup task has ended');
}

function takeInLine(seen: TaskSightings, text: string, now: JobClock): string | undefined {
  const event = parseVzdumpLine(text);
  if (event?.kind === 'mode') {
    seen.mode = event.mode;
    return event.mode === 'snapshot' ? undefined : `the backup runs in ${event.mode} mode`;
  }
  if (event?.kind === 'archive-started') {
    seen.archive = { path: event.path, target: event.target };
    if (seen.mode !== 'snapshot') return undefined;
    seen.snapshotSeenAt ??= now();
    seen.snapshotLine ??= text;
    return 'the snapshot exists';
  }
  if (event?.kind === 'lock-failed') {
    seen.lockFailed = true;
    return 'another backup runs on the node';
  }
  if (event?.kind === 'waiting-for-lock') return 'the backup waits for another one on the node';
  if (event?.kind === 'fallback') return `the storage cannot snapshot: ${event.to} mode instead`;
  if (event?.kind === 'guest-failed') return `the backup failed: ${event.reason}`;
  return undefined;
}

/** The lines that an operator cares to read as a step, by what they say. */
const STEP_NAMES: Partial<Record<VzdumpEvent['kind'], string>> = {
  'snapshot-requested': 'snapshot',
  'archive-started': 'archive',
  fallback: 'node-says',
  'lock-failed': 'node-says',
  'guest-failed': 'node-says',
  warning: 'node-says',
};

function report({ text }: TaskLine, recorder: Recorder): void {
  const event = parseVzdumpLine(text);
  const name = event && STEP_NAMES[event.kind];
  if (name !== undefined) recorder.step(name, text);
}
