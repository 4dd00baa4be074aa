import { type CompiledSchedule, nextEvent, selectGuests } from '@tacet/core';
import type { GuestSchedule, ScheduleRun } from '@tacet/protocol';
import type { KnownGuest } from '../store/known-guests.ts';

interface Known {
  readonly schedules: readonly CompiledSchedule[];
  readonly guests: readonly KnownGuest[];
  /** The newest of each guest in each schedule. */
  readonly lastRuns: readonly ScheduleRun[];
  readonly now: number;
}

/** By VMID: which schedules back a guest up, and what came of each last. Those that drill make no backup. */
export function guestSchedules({ schedules, guests, lastRuns, now }: Known): Map<number, GuestSchedule[]> {
  const of = new Map<number, GuestSchedule[]>(guests.map(({ vmid }) => [vmid, []]));
  const runs = new Map(lastRuns.map((run) => [`${run.schedule} ${run.vmid}`, run]));
  for (const { schedule, event, zone } of schedules) {
    const { name, enabled, action } = schedule;
    if (action !== 'backup') continue;
    const nextAt = (enabled ? nextEvent(event, now, zone) : undefined) ?? null;
    for (const { vmid } of selectGuests(schedule.guests, guests).selected) {
      const run = runs.get(`${name} ${vmid}`);
      const lastRun = run && {
        dueAt: run.dueAt,
        state: run.state,
        message: run.message,
        operationId: run.operationId,
      };
      of.get(vmid)?.push({ name, enabled, nextAt, lastRun: lastRun ?? null });
    }
  }
  return of;
}
