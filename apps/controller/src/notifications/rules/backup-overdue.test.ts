import { compileSchedule } from '@tacet/core';
import { type ScheduleInput, scheduleSchema } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { type Age, backupOverdue } from './backup-overdue.ts';

const hour = 3_600_000;
const limits = { overdueAfterMs: 36 * hour, overdueGraceMs: 4 * hour };
const at = (text: string): number => Date.parse(`${text}Z`);
const open = { kind: 'backup-overdue', vmid: 101, since: 0, told: true };

const scheduled = (more: Partial<ScheduleInput> = {}, changedAt = 0) => ({
  changedAt,
  compiled: compileSchedule(
    scheduleSchema.parse({
      name: 'nightly',
      guests: { include: { all: true } },
      when: { event: '02:00', timeZone: 'UTC' },
      ...more,
    }),
  ),
});

const age = (more: Partial<Age>): Age => ({
  vmid: 101,
  newestAt: undefined,
  knownSince: 0,
  covering: [],
  isBusy: false,
  ...more,
});

const tells = (one: Age, now: number) => backupOverdue(one, undefined, now, limits).notices ?? [];

describe('a guest that a schedule selects', () => {
  const newestAt = at('2026-11-21T02:10');

  it('is overdue when its turn is past by its grace', () => {
    const guest = age({ newestAt, covering: [scheduled()] });
    expect(tells(guest, at('2026-11-22T05:59'))).toEqual([]);
    const [notice] = tells(guest, at('2026-11-22T06:01'));
    expect(notice).toMatchObject({ title: 'Guest 101: its backup is overdue', resolved: false });
    expect(notice?.what).toBe(
      'Guest 101 should have a newer backup: its turn in the schedule nightly was on 2026-11-22 02:00 UTC, and nothing was backed up since. The newest is of 2026-11-21 02:10 UTC.',
    );
    expect(notice?.next).toContain('tacet schedule show nightly');
  });

  it('is not, where it was backed up since, and is told so', () => {
    const guest = age({ newestAt: at('2026-11-22T02:30'), covering: [scheduled()] });
    expect(tells(guest, at('2026-11-22T12:00'))).toEqual([]);
    const over = backupOverdue(guest, open, at('2026-11-22T12:00'), limits);
    expect(over).toMatchObject({ closed: [{ vmid: 101 }], notices: [{ resolved: true }] });
  });

  it('is not for the turns from before the schedule, or the guest, was there', () => {
    const now = at('2026-11-22T12:00');
    expect(tells(age({ covering: [scheduled({}, at('2026-11-22T03:00'))] }), now)).toEqual([]);
    expect(tells(age({ covering: [scheduled()], knownSince: at('2026-11-22T03:00') }), now)).toEqual([]);
    expect(tells(age({ covering: [scheduled()] }), now)).toHaveLength(1);
  });

  it('may be older than what guests without a schedule may be', () => {
    const weekly = scheduled({ when: { event: 'sat 02:00', timeZone: 'UTC' } });
    expect(tells(age({ newestAt, covering: [weekly] }), at('2026-11-27T12:00'))).toEqual([]);
    expect(tells(age({ newestAt, covering: [weekly] }), at('2026-11-28T06:01'))).toHaveLength(1);
  });

  it('waits for the end of its jitter and of blackouts', () => {
    const when = { event: '02:00', timeZone: 'UTC', jitterMs: 2 * hour };
    const late = age({ newestAt, covering: [scheduled({ when })] });
    expect(tells(late, at('2026-11-22T07:59'))).toEqual([]);
    expect(tells(late, at('2026-11-22T08:01'))).toHaveLength(1);
    const blackouts = [{ kind: 'daily', from: '01:00', to: '20:00' }] as const;
    const closed = age({ newestAt, covering: [scheduled({ blackouts: [...blackouts] })] });
    expect(tells(closed, at('2026-11-22T23:50'))).toEqual([]);
    expect(tells(closed, at('2026-11-23T00:06'))).toHaveLength(1);
  });

  it('stays overdue when the next turn has come', () => {
    const blackouts = [{ kind: 'daily', from: '01:00', to: '20:00' }] as const;
    for (const schedule of [scheduled(), scheduled({ blackouts: [...blackouts] })]) {
      const guest = age({ newestAt, covering: [schedule] });
      expect(backupOverdue(guest, open, at('2026-11-23T08:00'), limits)).toEqual({});
    }
  });

  it('is overdue after a blackout of weeks', () => {
    const when = { event: '2026-11-22 02:00', timeZone: 'UTC' };
    const week = { kind: 'calendar', durationMs: 7 * 24 * hour } as const;
    const blackouts = ['2026-11-22 00:00', '2026-11-29 00:00'].map((event) => ({ ...week, event }));
    const guest = age({ newestAt, covering: [scheduled({ when, blackouts })] });
    expect(tells(guest, at('2026-12-06T03:00'))).toEqual([]);
    expect(tells(guest, at('2026-12-06T05:00'))).toHaveLength(1);
  });

  it('is not while something is done with it, and is told once', () => {
    const guest = age({ newestAt, covering: [scheduled()] });
    const now = at('2026-11-22T12:00');
    expect(tells({ ...guest, isBusy: true }, now)).toEqual([]);
    expect(backupOverdue(guest, open, now, limits)).toEqual({});
  });
});

describe('a guest that no schedule selects', () => {
  it('goes by the age of its newest backup, or since it is known', () => {
    const now = at('2026-11-22T12:00');
    expect(tells(age({ newestAt: now - 35 * hour }), now)).toEqual([]);
    const [notice] = tells(age({ newestAt: now - 37 * hour }), now);
    expect(notice?.what).toContain('no schedule selects it, and for 37 h nobody has backed it up.');
    expect(tells(age({ knownSince: now - hour }), now)).toEqual([]);
    expect(tells(age({ knownSince: now - 37 * hour }), now)[0]?.what).toContain('It has none at all.');
  });
});
