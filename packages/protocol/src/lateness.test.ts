import { describe, expect, it } from 'vitest';
import { latenessOf, latenessSpans } from './lateness.ts';

const hour = 3_600_000;
const now = 1_000 * hour;
const { late, overdue } = latenessSpans;

const scheduled = (...turns: { dueAt: number; waitedMs: number; cameToNothing: boolean }[]) => ({
  newestAt: now - 100 * hour,
  isScheduled: true,
  turns,
});
const waited = (waitedMs: number) => ({ dueAt: now - waitedMs, waitedMs, cameToNothing: false });
const aged = (ageMs: number) => ({ newestAt: now - ageMs, isScheduled: false, turns: [] });
const failed = { dueAt: now - 1, waitedMs: 0, cameToNothing: true };

describe('a guest that a schedule backs up', () => {
  it('goes by its turns, however old its newest backup is', () => {
    expect(latenessOf(scheduled(), now)).toBeUndefined();
    expect(latenessOf({ ...scheduled(), newestAt: undefined }, now)).toBeUndefined();
  });

  it('is late while its run waits, and overdue when it waits for longer', () => {
    expect(latenessOf(scheduled(waited(late.turnMs)), now)).toBeUndefined();
    const turn = waited(late.turnMs + 1);
    expect(latenessOf(scheduled(turn), now)).toEqual({ lateness: 'late', turn });
    expect(latenessOf(scheduled(waited(overdue.turnMs)), now)?.lateness).toBe('late');
    expect(latenessOf(scheduled(waited(overdue.turnMs + 1)), now)?.lateness).toBe('overdue');
  });

  it('is overdue as soon as there is nothing left to wait for', () => {
    expect(latenessOf(scheduled(waited(3 * hour), failed), now)).toEqual({
      lateness: 'overdue',
      turn: failed,
    });
  });

  it('is neither where it was backed up since', () => {
    expect(latenessOf({ ...scheduled(failed), newestAt: now }, now)).toBeUndefined();
  });
});

describe('a guest that no schedule backs up', () => {
  it('goes by the age of its newest backup', () => {
    expect(latenessOf(aged(late.ageMs), now)).toBeUndefined();
    expect(latenessOf(aged(late.ageMs + 1), now)).toEqual({ lateness: 'late' });
    expect(latenessOf(aged(overdue.ageMs + 1), now)).toEqual({ lateness: 'overdue' });
    expect(latenessOf({ ...aged(0), newestAt: undefined }, now)).toBeUndefined();
  });

  it('is overdue when the configuration says so', () => {
    const weekly = { ...overdue, ageMs: 8 * 24 * hour };
    expect(latenessOf(aged(7 * 24 * hour), now, weekly)).toEqual({ lateness: 'late' });
    expect(latenessOf(aged(9 * 24 * hour), now, weekly)).toEqual({ lateness: 'overdue' });
  });
});
