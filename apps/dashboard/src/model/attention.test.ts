import { latenessSpans } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { concernsOf, levelOf } from './attention.ts';
import { aBackup, aGuest, now } from './testing.ts';

const words = (guest: Parameters<typeof concernsOf>[0]): string[] =>
  concernsOf(guest, now).map((concern) => `${concern.level}: ${concern.words}`);

const notReady = {
  type: 'Ready',
  status: 'False',
  reason: 'StackDown',
  message: 'shop/web is exited',
  observedGeneration: 1,
  lastTransitionTime: now,
} as const;

const old = (ms: number) => aGuest({ lastBackup: aBackup({ finishedAt: now - ms }) });

describe('what needs an operator', () => {
  it('is nothing where a guest is ready and was backed up with proof today', () => {
    expect(concernsOf(aGuest(), now)).toEqual([]);
    expect(levelOf([])).toBe('fine');
  });

  it('is the guest that is not ready, with what it says itself', () => {
    const [concern] = concernsOf(aGuest({ conditions: [notReady] }), now);
    expect(concern).toEqual({ level: 'act', words: 'not ready', detail: 'shop/web is exited' });
  });

  it('is an agent that is away, and since when; its last word about readiness does not count', () => {
    const guest = aGuest({ connected: false, lastSeenAt: now - 7_200_000, conditions: [notReady] });
    expect(words(guest)).toEqual(['act: agent away for 2 h']);
  });

  it('is a backup that is late, in daylight, and at once one that is overdue', () => {
    const { late, overdue } = latenessSpans;
    expect(words(old(late.ageMs))).toEqual([]);
    expect(words(old(late.ageMs + 1))).toEqual(['watch: last backup 26 h old']);
    expect(words(old(overdue.ageMs + 1))).toEqual(['act: last backup 36 h old']);
  });

  it('is a verdict below app, in daylight, after what is urgent', () => {
    const { verdict } = aBackup();
    const lastBackup = aBackup({
      finishedAt: now - 3 * 86_400_000,
      verdict: { ...verdict, consistency: 'crash', message: 'no hold was confirmed' },
    });
    expect(words(aGuest({ lastBackup }))).toEqual([
      'act: last backup 3 d old',
      'watch: last backup crash-consistent',
    ]);
  });

  it('is a guest that was never backed up', () => {
    expect(words(aGuest({ lastBackup: null }))).toEqual(['watch: never backed up']);
  });

  it('is a backup that the doctor says will fail', () => {
    const backupReady = {
      status: 'False',
      reason: 'StorageMissing',
      message: 'no storage',
      examinedAt: now,
    } as const;
    expect(concernsOf(aGuest({ backupReady }), now)).toEqual([
      { level: 'act', words: 'next backup would fail', detail: 'no storage' },
    ]);
  });

  it('is a quarantined copy, of which nothing else is said', () => {
    expect(words(aGuest({ identity: 'quarantined', connected: false, lastBackup: null }))).toEqual([
      'act: a copy that nobody ordered',
    ]);
  });
});
