import { type GuestSchedule, latenessSpans } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { dueOf, scheduleLines } from './due.ts';
import { aBackup, aGuest, now } from './testing.ts';

const hour = 3_600_000;

function nightly(
  lastRun: Partial<NonNullable<GuestSchedule['lastRun']>> | null,
  more: Partial<GuestSchedule> = {},
) {
  const run = {
    dueAt: now - 9 * hour,
    state: 'failed',
    message: 'the storage is full',
    operationId: null,
  } as const;
  return {
    name: 'nightly',
    enabled: true,
    nextAt: now + 15 * hour,
    lastRun: lastRun === null ? null : { ...run, ...lastRun },
    ...more,
  };
}

const old = (ms: number, ...schedules: GuestSchedule[]) =>
  aGuest({ schedules, lastBackup: aBackup({ finishedAt: now - ms }) });

describe('a backup against its schedule', () => {
  it('is overdue as soon as a turn came to nothing, and says since when and why', () => {
    expect(dueOf(old(33 * hour, nightly({})), now)).toMatchObject({
      lateness: 'overdue',
      words: 'backup overdue for 9 h: the storage is full',
      why: expect.stringMatching(/^The schedule nightly was due on .*: the storage is full\.$/),
    });
    expect(dueOf(aGuest({ lastBackup: null, schedules: [nightly({ state: 'missed' })] }), now).lateness).toBe(
      'overdue',
    );
  });

  it('is not overdue where it was backed up since, by whomever', () => {
    expect(dueOf(old(hour, nightly({})), now).lateness).toBeNull();
  });

  it('waits in line for a while before it is late, and then overdue', () => {
    const queued = { state: 'queued', message: 'waits for its turn on the node' } as const;
    expect(dueOf(old(33 * hour, nightly({ ...queued, dueAt: now - hour })), now).lateness).toBeNull();
    expect(dueOf(old(33 * hour, nightly({ ...queued, dueAt: now - 3 * hour })), now)).toMatchObject({
      lateness: 'late',
      words: 'backup late for 3 h: waits for its turn on the node',
    });
    expect(dueOf(old(33 * hour, nightly({ ...queued, dueAt: now - 5 * hour })), now).words).toBe(
      'backup overdue for 5 h: waits for its turn on the node',
    );
    expect(dueOf(old(33 * hour, nightly({ state: 'started' })), now).lateness).toBeNull();
  });

  it('may be six days old where its schedule is weekly', () => {
    const weekly = nightly({ state: 'succeeded', dueAt: now - 145 * hour }, { name: 'weekly' });
    expect(dueOf(old(144 * hour, weekly), now).lateness).toBeNull();
  });

  it('is judged by its age where no schedule says anything', () => {
    const tooOld = latenessSpans.late.ageMs + 1;
    expect(dueOf(old(tooOld - 1), now).lateness).toBeNull();
    expect(dueOf(old(tooOld), now)).toEqual({
      lateness: 'late',
      words: 'last backup 26 h old',
      why: 'No schedule backs it up.',
    });
    const off = nightly(null, { enabled: false, nextAt: null });
    expect(dueOf(old(tooOld, off), now).why).toBe('Its schedule nightly is disabled.');
    expect(dueOf(old(latenessSpans.overdue.ageMs + 1), now).lateness).toBe('overdue');
  });
});

it('says of each schedule when it comes, and how its last turn ended', () => {
  const off = nightly(null, { name: 'off', enabled: false, nextAt: null });
  const [one, other] = scheduleLines(old(hour, nightly({}), off), now);
  expect(one).toMatch(/^nightly: next on \d{4}-.*, last turn 9 h ago: failed$/);
  expect(other).toBe('off: disabled');
});
