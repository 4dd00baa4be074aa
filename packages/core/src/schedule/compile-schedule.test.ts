import { describe, expect, it } from 'vitest';
import { ScheduleError } from './compile-schedule.ts';
import { scheduleOf } from './testing/schedule-of.ts';

function problemsOf(input: Parameters<typeof scheduleOf>[0]) {
  try {
    scheduleOf(input);
  } catch (error) {
    if (error instanceof ScheduleError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a schedule', () => {
  it('is told everything that is wrong with it at once, by its path', () => {
    const error = problemsOf({
      when: { event: 'mon..fri 25:00', timeZone: 'Europe/Bielefeld' },
      blackouts: [
        { kind: 'daily', from: '10:00', to: '11:00', timeZone: 'Moon' },
        { kind: 'daily', from: '10:00', to: '11:00' },
        { kind: 'calendar', event: 'never', durationMs: 1, timeZone: 'Mars' },
      ],
    });
    expect(error.problems.map(({ path }) => path)).toEqual([
      'when.event',
      'when.timeZone',
      'blackouts.0.timeZone',
      'blackouts.2.timeZone',
      'blackouts.2.event',
    ]);
    expect(error.message).toMatch(
      /^the schedule "nightly": when\.event: .*at "25" \(character 10\): hours go from/,
    );
  });

  it('whose event never happens is refused', () => {
    expect(problemsOf({ when: { event: '02-30 04:00' } }).message).toContain('"02-30 04:00" never happens');
    expect(problemsOf({ when: { event: '26-01-01' } }).message).toContain('never happens');
  });

  it('with a blackout that cannot be read is refused, and does not go without', () => {
    const error = problemsOf({ blackouts: [{ kind: 'calendar', event: 'sometimes', durationMs: 1 }] });
    expect(error.problems.map(({ path }) => path)).toEqual(['blackouts.0.event']);
  });

  it('that is right keeps what was said', () => {
    const compiled = scheduleOf({ blackouts: [{ kind: 'daily', from: '07:05', to: '18:30' }] });
    expect(compiled.blackouts).toEqual([
      { kind: 'daily', fromMinute: 425, toMinute: 1110, zone: compiled.zone },
    ]);
    expect(compiled.zone.name).toBe('Europe/Berlin');
  });
});
