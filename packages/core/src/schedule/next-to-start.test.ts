import { describe, expect, it } from 'vitest';
import type { CompiledSchedule } from './compile-schedule.ts';
import { dueRuns } from './due-runs.ts';
import { nextToStart, type QueuedRun, type RunningBackup } from './next-to-start.ts';
import { scheduleOf } from './testing/schedule-of.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const now = Date.parse('2026-06-02T00:00Z');

const queued = (vmid: number, more: Partial<QueuedRun> = {}): QueuedRun => ({
  schedule: 'nightly',
  vmid,
  node: 'pve1',
  storage: 'local',
  storageIsShared: false,
  dueAt: now,
  ...more,
});

function startsOf(
  queue: QueuedRun[],
  running: RunningBackup[] = [],
  schedules: CompiledSchedule[] = [scheduleOf()],
) {
  const { start, waiting } = nextToStart(queue, running, schedules, now);
  return {
    start: start.map(({ vmid }) => vmid),
    waiting: Object.fromEntries(waiting.map(({ run, because }) => [run.vmid, because])),
  };
}

describe('queued runs', () => {
  it('begin one on each node, unless more is said', () => {
    const queue = [queued(101), queued(102), queued(201, { node: 'pve2' })];
    expect(startsOf(queue)).toEqual({ start: [101, 201], waiting: { 102: 'node-limit' } });
    expect(startsOf(queue, [], [scheduleOf({ concurrency: { perNode: 2 } })])).toEqual({
      start: [101, 102, 201],
      waiting: {},
    });
  });

  it('that somebody asks for begin outside of the times of their schedule, within its limits', () => {
    const closed = scheduleOf({
      enabled: false,
      blackouts: [{ kind: 'daily', from: '00:00', to: '23:59', timeZone: 'UTC' }],
    });
    const asked = [queued(101, { cause: 'request' }), queued(102, { cause: 'request' })];
    expect(startsOf(asked, [], [closed])).toEqual({ start: [101], waiting: { 102: 'node-limit' } });
    expect(startsOf([queued(101, { cause: 'event' })], [], [closed]).start).toEqual([]);
  });

  it('wait for what runs there already, whoever has started it', () => {
    const { dueAt: _, schedule: __, ...byHand } = queued(109);
    expect(startsOf([queued(101), queued(201, { node: 'pve2' })], [byHand])).toEqual({
      start: [201],
      waiting: { 101: 'node-limit' },
    });
  });

  it('keep the smallest limit of all schedules that are involved', () => {
    const wide = scheduleOf({ name: 'wide', concurrency: { perNode: 3 } });
    const schedules = [scheduleOf(), wide];
    const ofWide = (vmid: number) => queued(vmid, { schedule: 'wide' });
    // `nightly` runs alone on its node.
    expect(startsOf([ofWide(101)], [queued(102)], schedules).start).toEqual([]);
    expect(startsOf([queued(101)], [ofWide(102)], schedules).start).toEqual([]);
    expect(startsOf([ofWide(101), ofWide(102), ofWide(103), ofWide(104)], [], schedules)).toEqual({
      start: [101, 102, 103],
      waiting: { 104: 'node-limit' },
    });
  });

  it('share a storage only up to its limit, over all nodes', () => {
    const schedules = [scheduleOf({ concurrency: { perNode: 5, perStorage: 2 } })];
    const onto = (vmid: number, node: string, storageIsShared: boolean) =>
      queued(vmid, { node, storage: 'backup', storageIsShared });
    const queue = (isShared: boolean) => [
      onto(101, 'pve1', isShared),
      onto(102, 'pve1', isShared),
      onto(103, 'pve1', isShared),
      onto(201, 'pve2', isShared),
    ];
    expect(startsOf(queue(true), [], schedules)).toEqual({
      start: [101, 102],
      waiting: { 103: 'storage-limit', 201: 'storage-limit' },
    });
    // Of the same name, and yet another storage on each node.
    expect(startsOf(queue(false), [], schedules)).toEqual({
      start: [101, 102, 201],
      waiting: { 103: 'storage-limit' },
    });
    expect(startsOf([...queue(true).slice(0, 2), queued(104)], [], schedules).start).toEqual([101, 102, 104]);
  });

  it('of one guest never run at the same time', () => {
    const schedules = [
      scheduleOf({ concurrency: { perNode: 9 } }),
      scheduleOf({ name: 'weekly', concurrency: { perNode: 9 } }),
    ];
    const both = [queued(101), queued(101, { schedule: 'weekly' })];
    const { start, waiting } = nextToStart(both, [], schedules, now);
    expect(start).toEqual([both[0]]);
    expect(waiting).toEqual([{ run: both[1], because: 'guest-busy' }]);
    // Also while it moves from one node to another.
    expect(startsOf([queued(101)], [queued(101, { node: 'pve2' })], schedules).waiting).toEqual({
      101: 'guest-busy',
    });
  });

  it('begin in the order in which they were due, and hold up no other node', () => {
    const queue = [
      queued(103, { dueAt: now }),
      queued(102, { dueAt: now - minuteMs }),
      queued(101, { dueAt: now }),
      queued(201, { dueAt: now + 1, node: 'pve2' }),
    ];
    expect(startsOf(queue)).toEqual({ start: [102, 201], waiting: { 101: 'node-limit', 103: 'node-limit' } });
    expect(startsOf([queued(103), queued(101)]).start).toEqual([101]);
  });

  it('are not overtaken by those behind them that want the same', () => {
    const wide = scheduleOf({ name: 'wide', concurrency: { perNode: 3, perStorage: 3 } });
    const alone = scheduleOf({ concurrency: { perNode: 1, perStorage: 1 } });
    const ofWide = (vmid: number, more: Partial<QueuedRun> = {}) =>
      queued(vmid, { schedule: 'wide', ...more });
    // `wide` may have a second one there; but then the node would never be free for 101.
    expect(startsOf([queued(101), ofWide(102, { dueAt: now + 1 })], [ofWide(103)], [alone, wide])).toEqual({
      start: [],
      waiting: { 101: 'node-limit', 102: 'node-limit' },
    });
    const shared = { storage: 'pbs', storageIsShared: true };
    const queue = [
      queued(101, shared),
      ofWide(201, { ...shared, node: 'pve2' }),
      ofWide(202, { node: 'pve2' }),
    ];
    expect(startsOf(queue, [ofWide(301, { ...shared, node: 'pve3' })], [alone, wide])).toEqual({
      start: [202],
      waiting: { 101: 'storage-limit', 201: 'storage-limit' },
    });
  });

  it('do not begin in a blackout of their schedule', () => {
    const dark = scheduleOf({ name: 'dark', blackouts: [{ kind: 'daily', from: '01:00', to: '03:00' }] });
    const queue = [queued(101, { schedule: 'dark' }), queued(201, { node: 'pve2' })];
    expect(startsOf(queue, [], [scheduleOf(), dark])).toEqual({ start: [201], waiting: { 101: 'blackout' } });
  });

  it('do not begin when their schedule is gone or disabled', () => {
    const off = scheduleOf({ name: 'off', enabled: false });
    const queue = [queued(101, { schedule: 'gone' }), queued(102, { schedule: 'off' }), queued(103)];
    expect(startsOf(queue, [], [scheduleOf(), off])).toEqual({
      start: [103],
      waiting: { 101: 'schedule-gone', 102: 'schedule-disabled' },
    });
  });
});

/** A night of a controller: a clock that is moved by hand, and backups that take as long as they are told to. */
function simulate(
  schedules: CompiledSchedule[],
  placements: Omit<QueuedRun, 'schedule' | 'dueAt'>[],
  to: number,
) {
  const guests = placements.map(({ vmid }) => ({ vmid, name: `ct${vmid}`, tags: [], pool: undefined }));
  let queue: QueuedRun[] = [];
  let running: (QueuedRun & { endsAt: number })[] = [];
  let decidedUntil: ReadonlyMap<string, number> = new Map();
  const begun: { vmid: number; at: number }[] = [];
  const peaks = { node: 0, storage: 0, all: 0 };
  const mostOf = (keyOf: (run: QueuedRun) => string) =>
    Math.max(0, ...running.map((run) => running.filter((other) => keyOf(other) === keyOf(run)).length));

  for (let clock = now - 4 * hourMs; clock <= to; clock += minuteMs / 2) {
    running = running.filter(({ endsAt }) => endsAt > clock);
    const decision = dueRuns(schedules, { decidedUntil, queued: queue, guests }, clock);
    ({ decidedUntil } = decision);
    for (const { schedule, vmid, dueAt } of decision.due) {
      const placement = placements.find((one) => one.vmid === vmid);
      if (placement) queue.push({ ...placement, schedule, dueAt });
    }
    const { start } = nextToStart(queue, running, schedules, clock);
    queue = queue.filter((run) => !start.includes(run));
    running.push(...start.map((run) => ({ ...run, endsAt: clock + (5 + (run.vmid % 7)) * minuteMs })));
    begun.push(...start.map(({ vmid }) => ({ vmid, at: clock })));
    peaks.node = Math.max(
      peaks.node,
      mostOf(({ node }) => node),
    );
    peaks.storage = Math.max(
      peaks.storage,
      mostOf(({ storage }) => storage),
    );
    peaks.all = Math.max(peaks.all, running.length);
  }
  return { begun, peaks, queue, running };
}

describe('a night with 20 guests on 3 nodes', () => {
  const placements = Array.from({ length: 20 }, (_, index) => ({
    vmid: 101 + index,
    node: `pve${1 + (index % 3)}`,
    storage: 'pbs',
    storageIsShared: true,
  }));
  const vmids = placements.map(({ vmid }) => vmid);
  const morning = now + 10 * hourMs;

  it.each([1, 2, 3])('ends with a backup of each, and never more than %i on a node', (perNode) => {
    const { begun, peaks, queue, running } = simulate(
      [scheduleOf({ concurrency: { perNode } })],
      placements,
      morning,
    );
    expect(begun.map(({ vmid }) => vmid).toSorted((a, b) => a - b)).toEqual(vmids);
    expect({ queue, running }).toEqual({ queue: [], running: [] });
    expect(peaks.node).toBe(perNode);
    expect(peaks.all).toBe(3 * perNode);
  });

  it('keeps the limit of the storage too', () => {
    const schedule = scheduleOf({ concurrency: { perNode: 2, perStorage: 4 } });
    const { begun, peaks, queue } = simulate([schedule], placements, morning);
    expect(begun).toHaveLength(20);
    expect(queue).toEqual([]);
    expect(peaks).toEqual({ node: 2, storage: 4, all: 4 });
  });

  it('begins nothing in a blackout, and the rest after it', () => {
    // Half an hour after the backups have begun.
    const blackouts = [{ kind: 'daily', from: '02:30', to: '05:00' } as const];
    const { begun, queue } = simulate([scheduleOf({ blackouts })], placements, morning);
    const after = begun.map(({ at }) => at - now);
    expect(after.filter((time) => time < hourMs / 2).length).toBeGreaterThan(3);
    expect(after.filter((time) => time >= hourMs / 2 && time < 3 * hourMs)).toEqual([]);
    expect(after.filter((time) => time >= 3 * hourMs).length).toBeGreaterThan(3);
    expect(begun).toHaveLength(20);
    expect(queue).toEqual([]);
  });

  it('spreads the beginnings by jitter, and has two schedules take turns', () => {
    const schedules = [
      scheduleOf({ when: { jitterMs: 2 * hourMs } }),
      scheduleOf({
        name: 'weekly',
        when: { event: 'tue 02:00', jitterMs: 2 * hourMs },
        concurrency: { perNode: 2 },
      }),
    ];
    const { begun, peaks, queue } = simulate(schedules, placements, morning);
    expect(begun).toHaveLength(40);
    for (const vmid of vmids) expect(begun.filter((one) => one.vmid === vmid)).toHaveLength(2);
    expect(queue).toEqual([]);
    // `nightly` wants its node for itself; `weekly` alone may have two.
    expect(peaks.node).toBeLessThanOrEqual(2);
    expect(new Set(begun.map(({ at }) => at)).size).toBeGreaterThan(15);
  });
});
