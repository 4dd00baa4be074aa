import type { DrillRecord, SelectableGuest } from '@tacet/core';
import type { ScheduleRun } from '@tacet/protocol';
import type { Store } from '../store/open-store.ts';

/** Where it stands what was drilled, and what could be. */
export type DrillSources = Pick<Store, 'drills' | 'backups' | 'scheduleRuns'>;

/**
 * By VMID, for a schedule's rotation. A turn is a drill that has shown something, whoever asked for it, or a run of
 * this schedule that came to nothing; one that is due or under way is the newest turn of all. A drill that was
 * interrupted was none.
 */
export async function drillRecords(
  schedule: string,
  guests: readonly SelectableGuest[],
  open: readonly ScheduleRun[],
  { drills, backups, scheduleRuns }: DrillSources,
): Promise<Map<number, DrillRecord>> {
  const drilled = await drills.lastOfEach();
  const missed = await scheduleRuns.lastMissedDrills(schedule);
  const backedUp = await backups.guestsToRestore();
  const underWay = new Map(
    open.filter((run) => run.schedule === schedule).map(({ vmid, dueAt }) => [vmid, dueAt]),
  );
  return new Map(
    guests.map(({ vmid }) => {
      const turns = [drilled, missed, underWay].flatMap((at) => at.get(vmid) ?? []);
      const lastTurnAt = turns.length === 0 ? undefined : Math.max(...turns);
      return [vmid, { lastTurnAt, hasBackup: backedUp.has(vmid) }];
    }),
  );
}
