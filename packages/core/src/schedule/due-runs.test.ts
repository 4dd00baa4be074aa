import { describe, expect, it } from 'vitest';
import type { CompiledSchedule } from './compile-schedule.ts';
import { type DueRun, dueRuns, nextTurn, type ScheduleState } from './due-runs.ts';
import { jitterOf } from './jitter.ts';
import type { SelectableGuest } from './select-guests.ts';
import { scheduleOf } from './testing/schedule-of.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const guest = (vmid: number): SelectableGuest => ({ vmid, name: `ct${vmid}`, tags: [], pool: undefined });
const guests = [guest(101), guest(102)];
const at = (text: string) => Date.parse(text);

function state(decidedUntil: Record<string, string>, more: Partial<ScheduleState> = {}): ScheduleState {
  const decided = Object.entries(decidedUntil).map(([name, time]): [string, number] => [name, at(time)]);
  return { decidedUntil: new Map(decided), queued: [], guests, ...more };
}

/** Asks again and again, as a controller does, from one instant up to another. */
function live(schedules: CompiledSchedule[], from: string, to: string, tickMs = minuteMs) {
  let decidedUntil: ReadonlyMap<string, number> = new Map();
  const due: (DueRun & { decidedAt: number })[] = [];
  const missed: ReturnType<typeof dueRuns>['missed'] = [];
  for (let now = at(from); now <= at(to); now += tickMs) {
    const decision = dueRuns(schedules, { decidedUntil, queued: [], guests }, now);
    due.push(...decision.due.map((run) => ({ ...run, decidedAt: now })));
    missed.push(...decision.missed);
    ({ decidedUntil } = decision);
  }
  return { due, missed };
}

describe('a run', () => {
  // 02:00 in Berlin is midnight of UTC in summer.
  const nightly = scheduleOf();

  it('is due once for every guest, at its time and not before', () => {
    const before = state({ nightly: '2026-06-01T20:00Z' });
    expect(dueRuns([nightly], before, at('2026-06-01T23:59:59.999Z')).due).toEqual([]);
    const decision = dueRuns([nightly], before, at('2026-06-02T00:00Z'));
    const midnight = at('2026-06-02T00:00Z');
    expect(decision).toEqual({
      due: [101, 102].map((vmid) => ({
        schedule: 'nightly',
        action: 'backup',
        vmid,
        eventAt: midnight,
        dueAt: midnight,
        late: false,
      })),
      missed: [],
      decidedUntil: new Map([['nightly', midnight]]),
    });
    const again = { ...before, decidedUntil: decision.decidedUntil };
    expect(dueRuns([nightly], again, midnight).due).toEqual([]);
    expect(dueRuns([nightly], again, midnight + minuteMs).due).toEqual([]);
  });

  it('is due once a night over weeks, the nights in which clocks are set included', () => {
    for (const [from, to] of [
      ['2026-03-20T12:00Z', '2026-04-05T12:00Z'],
      ['2026-10-16T12:00Z', '2026-11-01T12:00Z'],
    ] as const) {
      const { due, missed } = live([scheduleOf({ when: { event: '02:30' } })], from, to, 7 * minuteMs);
      expect(due.filter(({ vmid }) => vmid === 101)).toHaveLength(16);
      expect(new Set(due.map(({ dueAt, vmid }) => `${vmid} ${dueAt}`)).size).toBe(32);
      expect(missed).toEqual([]);
    }
  });

  it('is due for the guests that are selected', () => {
    const some = scheduleOf({ guests: { include: { all: true }, exclude: { vmids: [101] } } });
    const { due } = dueRuns([some], state({ nightly: '2026-06-01T23:59Z' }), at('2026-06-02T00:00Z'));
    expect(due.map(({ vmid }) => vmid)).toEqual([102]);
  });

  it('of a schedule that is new, or was disabled, does not come from before', () => {
    const now = at('2026-06-02T00:05Z');
    const first = dueRuns([nightly], state({}), now);
    expect(first.due).toEqual([]);
    expect(first.missed).toEqual([]);

    const disabled = scheduleOf({ enabled: false });
    const slept = dueRuns([disabled], state({ nightly: '2026-06-01T12:00Z' }), now);
    expect(slept.due).toEqual([]);
    const { decidedUntil } = slept;
    expect(dueRuns([nightly], { ...state({}), decidedUntil }, now + minuteMs).due).toEqual([]);
    expect(dueRuns([nightly], { ...state({}), decidedUntil }, now + 24 * hourMs).due).toHaveLength(2);
  });

  it('of a schedule that is gone is forgotten with it', () => {
    const decision = dueRuns(
      [nightly],
      state({ nightly: '2026-06-01T12:00Z', old: '2026-06-01T12:00Z' }),
      at('2026-06-01T13:00Z'),
    );
    expect([...decision.decidedUntil.keys()]).toEqual(['nightly']);
  });

  it('comes in the order of its turn', () => {
    const [a, b] = [scheduleOf({ name: 'a', when: { event: '02:01' } }), scheduleOf({ name: 'b' })];
    const both = state({ a: '2026-06-01T23:00Z', b: '2026-06-01T23:00Z' }, { guests: guests.toReversed() });
    const { due } = dueRuns([a, b], both, at('2026-06-02T00:02Z'));
    expect(due.map(({ schedule, vmid }) => `${schedule} ${vmid}`)).toEqual([
      'b 101',
      'b 102',
      'a 101',
      'a 102',
    ]);
  });
});

describe('jitter', () => {
  const jitterMs = 2 * hourMs;
  const spread = scheduleOf({ when: { jitterMs } });
  const turnOf = (vmid: number) => at('2026-06-02T00:00Z') + jitterOf('nightly', vmid, jitterMs);

  it('makes each guest due at a time of its own, once a night', () => {
    const { due } = live([spread], '2026-06-01T20:00Z', '2026-06-03T20:00Z');
    const first = due.slice(0, 2).map(({ vmid, dueAt }) => [vmid, dueAt]);
    expect(new Map(first as [number, number][])).toEqual(
      new Map([101, 102].map((vmid) => [vmid, turnOf(vmid)])),
    );
    expect(due).toHaveLength(4);
    expect(
      due.filter(({ eventAt }) => eventAt !== at('2026-06-02T00:00Z') && eventAt !== at('2026-06-03T00:00Z')),
    ).toEqual([]);
    expect(turnOf(101)).not.toBe(turnOf(102));
    expect(due.filter(({ dueAt, decidedAt }) => decidedAt < dueAt || decidedAt >= dueAt + minuteMs)).toEqual(
      [],
    );
  });

  it('may be longer than the time between two events', () => {
    const hourly = scheduleOf({ when: { event: 'hourly', jitterMs: 5 * hourMs } });
    const { due, missed } = live([hourly], '2026-06-01T00:00Z', '2026-06-02T00:00Z');
    for (const vmid of [101, 102]) expect(due.filter((run) => run.vmid === vmid)).toHaveLength(24);
    expect(missed).toEqual([]);
  });

  it('is in the next turn that people see', () => {
    expect(nextTurn(spread, 101, at('2026-06-01T12:00Z'))).toBe(turnOf(101));
    expect(nextTurn(spread, 101, turnOf(101) - 1)).toBe(turnOf(101));
    expect(nextTurn(spread, 101, turnOf(101))).toBe(turnOf(101) + 24 * hourMs);
    expect(
      nextTurn(scheduleOf({ when: { event: '2015-10-21' } }), 101, at('2026-06-01T12:00Z')),
    ).toBeUndefined();
  });
});

describe('after the controller was down', () => {
  const down = state({ nightly: '2026-06-01T12:00Z' });
  const midnight = at('2026-06-02T00:00Z');
  const [runOnce, skip] = [scheduleOf(), scheduleOf({ missed: 'skip' })];

  it('for minutes, what was due is no less in time', () => {
    for (const schedule of [runOnce, skip]) {
      const { due, missed } = dueRuns([schedule], down, midnight + 15 * minuteMs);
      expect(due.map(({ late }) => late)).toEqual([false, false]);
      expect(missed).toEqual([]);
    }
  });

  it('what was missed is made up for', () => {
    const { due, missed } = dueRuns([runOnce], down, midnight + 15 * minuteMs + 1);
    expect(due).toEqual(
      [101, 102].map((vmid) => ({
        schedule: 'nightly',
        action: 'backup',
        vmid,
        eventAt: midnight,
        dueAt: midnight,
        late: true,
      })),
    );
    expect(missed).toEqual([]);
  });

  it('or skipped, and told', () => {
    const { due, missed } = dueRuns([skip], down, midnight + 15 * minuteMs + 1);
    expect(due).toEqual([]);
    expect(missed).toEqual(
      [101, 102].map((vmid) => ({
        schedule: 'nightly',
        action: 'backup',
        vmid,
        dueAt: midnight,
        because: 'skipped',
      })),
    );
  });

  it('for days, there is one run of each guest, and what it replaces is told', () => {
    const { due, missed } = dueRuns([runOnce], down, midnight + 72 * hourMs + 8 * hourMs);
    expect(due.map(({ vmid, dueAt, late }) => [vmid, dueAt, late])).toEqual([
      [101, midnight + 72 * hourMs, true],
      [102, midnight + 72 * hourMs, true],
    ]);
    expect(missed).toEqual(
      [101, 102].map((vmid) => ({
        schedule: 'nightly',
        action: 'backup',
        vmid,
        dueAt: midnight + 48 * hourMs,
        because: 'superseded',
      })),
    );
  });

  it('for days, and back in time for a run: that is not late, and not a second one', () => {
    for (const [schedule, because] of [
      [runOnce, 'superseded'],
      [skip, 'superseded'],
    ] as const) {
      const { due, missed } = dueRuns([schedule], down, midnight + 24 * hourMs);
      expect(due.map(({ dueAt, late }) => [dueAt, late])).toEqual([
        [midnight + 24 * hourMs, false],
        [midnight + 24 * hourMs, false],
      ]);
      expect(missed.map((one) => [one.dueAt, one.because])).toEqual([
        [midnight, because],
        [midnight, because],
      ]);
    }
  });

  it('for a year, with an event of every second, nobody counts the seconds', () => {
    const dense = scheduleOf({ when: { event: '*:*:*', jitterMs: hourMs } });
    const many = Array.from({ length: 200 }, (_, index) => guest(100 + index));
    const now = at('2027-06-01T12:00Z');
    const { due } = dueRuns([dense], { ...down, guests: many }, now);
    expect(due).toHaveLength(200);
  });
});

describe('a guest whose last run still waits', () => {
  it('does not wait twice', () => {
    const waiting = state({ nightly: '2026-06-01T12:00Z' }, { queued: [{ schedule: 'nightly', vmid: 101 }] });
    const { due, missed } = dueRuns([scheduleOf()], waiting, at('2026-06-02T00:00Z'));
    expect(due.map(({ vmid }) => vmid)).toEqual([102]);
    expect(missed).toEqual([
      {
        schedule: 'nightly',
        action: 'backup',
        vmid: 101,
        dueAt: at('2026-06-02T00:00Z'),
        because: 'still-queued',
      },
    ]);
  });

  it('waits for another schedule as well', () => {
    const waiting = state({ nightly: '2026-06-01T12:00Z' }, { queued: [{ schedule: 'weekly', vmid: 101 }] });
    expect(dueRuns([scheduleOf()], waiting, at('2026-06-02T00:00Z')).due).toHaveLength(2);
  });
});

describe('a clock that is set back', () => {
  it('by minutes repeats nothing', () => {
    const decided = state({ nightly: '2026-06-02T00:00:05Z' });
    const back = dueRuns([scheduleOf()], decided, at('2026-06-01T23:30Z'));
    expect(back.due).toEqual([]);
    const { decidedUntil } = back;
    expect(dueRuns([scheduleOf()], { ...decided, decidedUntil }, at('2026-06-02T00:01Z')).due).toEqual([]);
  });

  it('from a time that was far ahead does not silence a schedule until then', () => {
    const wrong = state({ nightly: '2031-01-01T00:00Z' });
    const { decidedUntil } = dueRuns([scheduleOf()], wrong, at('2026-06-01T23:59Z'));
    expect(dueRuns([scheduleOf()], { ...wrong, decidedUntil }, at('2026-06-02T00:00Z')).due).toHaveLength(2);
  });
});
