import type { DueRun, MissedRun } from '@tacet/core';
import type { Drill, Operation, ScheduleRun } from '@tacet/protocol';

const whyMissed: Record<MissedRun['because'], string> = {
  skipped: 'it was due while the controller was down, and the schedule makes up for nothing',
  superseded: 'it was due while the controller was down; a later run makes up for it',
  'still-queued': 'the run before had not begun yet, and does for both',
  'no-backup': 'there is no backup of it to drill',
};

export function dueRun(id: string, { schedule, action, vmid, eventAt, dueAt, late }: DueRun): ScheduleRun {
  return {
    id,
    schedule,
    vmid,
    action,
    cause: 'event',
    eventAt,
    dueAt,
    late,
    state: 'queued',
    message: null,
    operationId: null,
    consistency: null,
    endedAt: null,
  };
}

export function missedRun(id: string, { because, ...run }: MissedRun, now: number): ScheduleRun {
  const due = dueRun(id, {
    ...run,
    eventAt: run.dueAt,
    late: because === 'skipped' || because === 'superseded',
  });
  return missed(due, whyMissed[because], now);
}

export function missed(run: ScheduleRun, message: string, now: number): ScheduleRun {
  return { ...run, state: 'missed', message, operationId: null, endedAt: now };
}

/**
 * What has become of a run whose operation has ended: it waits again where Proxmox VE was never asked.
 *
 * @param drill what a drill has shown.
 */
export function settled(run: ScheduleRun, operation: Operation, drill?: Drill): ScheduleRun {
  const { state, error, backup, finishedAt } = operation;
  if (error?.code === 'not-started') return requeued(run, error.message);
  const hasSucceeded = state === 'succeeded';
  // That a backup did not prove itself is no news in a list of drills: why it did not, is.
  const shown = hasSucceeded || drill?.outcome === 'failed' ? drill?.message : undefined;
  return {
    ...run,
    state: hasSucceeded ? 'succeeded' : 'failed',
    message: shown ?? error?.message ?? backup?.verdict.message ?? null,
    consistency: backup?.verdict.consistency ?? null,
    endedAt: finishedAt,
  };
}

/** Whatever has become of it, it is not known to be good: nobody can read that. */
export function unknown(run: ScheduleRun, error: Error, now: number): ScheduleRun {
  return { ...run, state: 'failed', message: error.message, endedAt: now };
}

export function requeued(run: ScheduleRun, message: string): ScheduleRun {
  return { ...run, state: 'queued', message, operationId: null };
}
