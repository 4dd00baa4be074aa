import { describe, expect, it } from 'vitest';
import { dueRuns } from './due-runs.ts';
import { type DrillRecord, nextDrills } from './next-drills.ts';
import { scheduleOf } from './testing/schedule-of.ts';

const guests = [101, 102, 103, 104].map((vmid) => ({ vmid, name: undefined, tags: [], pool: undefined }));
const dayMs = 86_400_000;

function records(turns: Record<number, number | undefined>, without: readonly number[] = []) {
  return new Map(
    guests.map(({ vmid }): [number, DrillRecord] => [
      vmid,
      { lastTurnAt: turns[vmid], hasBackup: !without.includes(vmid) },
    ]),
  );
}

function chosen(...args: Parameters<typeof records>): (perRun?: number) => (readonly number[])[] {
  return (perRun) => {
    const { drill, withoutBackup } = nextDrills(guests, records(...args), perRun);
    return [drill, withoutBackup].map((some) => some.map(({ vmid }) => vmid));
  };
}

describe('whose turn to be drilled it is', () => {
  it('is who never was, then whose last turn is oldest', () => {
    const next = chosen({ 101: 300, 102: 100, 104: 200 });
    expect(next()).toEqual([[103], []]);
    expect(next(3)).toEqual([[103, 102, 104], []]);
    expect(next(10)).toEqual([[103, 102, 104, 101], []]);
  });

  it('passes on where there is no backup, and says so', () => {
    expect(chosen({ 103: 1, 104: 2 }, [101, 103])(1)).toEqual([[102], [101]]);
    expect(chosen({}, [101, 102, 103, 104])(1)).toEqual([[], [101, 102, 103, 104]]);
  });

  it('goes round all guests, whatever becomes of each', () => {
    const weekly = scheduleOf({ action: 'drill', perRun: 2, when: { timeZone: 'UTC' } });
    const lastTurns: Record<number, number> = {};
    const drilled: number[][] = [];
    const missed: number[][] = [];
    const begin = Date.parse('2026-06-01T00:00Z');
    let decidedUntil: ReadonlyMap<string, number> = new Map([['nightly', begin]]);
    for (let day = 1; day <= 3; day += 1) {
      const now = begin + day * dayMs;
      const drillRecords = new Map([['nightly', records(lastTurns, [102])]]);
      const decision = dueRuns([weekly], { decidedUntil, queued: [], guests, drillRecords }, now);
      drilled.push(decision.due.map(({ vmid }) => vmid));
      missed.push(decision.missed.map(({ vmid }) => vmid));
      for (const { vmid } of [...decision.due, ...decision.missed]) lastTurns[vmid] = now;
      ({ decidedUntil } = decision);
      expect(decision.due.every(({ action }) => action === 'drill')).toBe(true);
      expect(decision.missed.every(({ because }) => because === 'no-backup')).toBe(true);
    }
    expect(drilled).toEqual([
      [101, 103],
      [101, 104],
      [101, 103],
    ]);
    expect(missed).toEqual([[102], [], [102]]);
  });
});
