import type { DueRun, MissedRun } from '@tacet/core';
import type { Operation, ScheduleRun } from '@tacet/protocol';

const whyMissed: Record<MissedRun['because'], string> = {
  skipped: 'it was due while the controller was down, and the schedule makes up for nothing',
  superseded: 'it was due while the controller was down; a later run makes up for it',
  'still-queued': 'the run before had not begun yet, and does for both',
};

export function dueRun(id: string, { schedule, vmid, eventAt, dueAt, late }: DueRun): ScheduleRun {
  return {
    id,
    schedule,
    vmid,
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
  const due = dueRun(id, { ...run, eventAt: run.dueAt, late: because !== 'still-queued' });
  return missed(due, whyMissed[because], now);
}

export function missed(run: ScheduleRun, message: string, now: number): ScheduleRun {
  return { ...run, state: 'missed', message, operationId: null, endedAt: now };
}

/** What has become of a run whose operation has ended: it waits again where Proxmox VE was never asked. */
export function settled(run: ScheduleRun, { state, error, backup, finishedAt }: Operation): ScheduleRun {
  if (error?.code === 'not-started') return requeued(run, error.message);
  return {
    ...run,
    state: state === 'succeeded' ? 'succeeded' : 'failed',
    message: error?.message ?? backup?.verdict.message ?? null,
    consistency: backup?.verdict.consistency ?? null,
    endedAt: finishedAt,
  };
}

export function requeued(run: ScheduleRun, message: string): ScheduleRun {
  return { ...run, state: 'queued', message, operationId: null };
}
