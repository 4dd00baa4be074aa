import type { ScheduleInput } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { isBlackedOut } from './blackout.ts';
import { scheduleOf } from './testing/schedule-of.ts';

const hourMs = 3_600_000;

/** By hours of UTC of the given day, those that are blacked out at their beginning. */
function blackHours(day: string, ...blackouts: NonNullable<ScheduleInput['blackouts']>): number[] {
  const compiled = scheduleOf({ blackouts });
  const midnight = Date.parse(`${day}T00:00Z`);
  return Array.from({ length: 24 }, (_, hour) => hour).filter((hour) =>
    isBlackedOut(compiled.blackouts, midnight + hour * hourMs),
  );
}

describe('a blackout', () => {
  it('goes from its first instant up to its last', () => {
    const { blackouts } = scheduleOf({ blackouts: [{ kind: 'daily', from: '07:30', to: '18:00' }] });
    const at = (time: string) => isBlackedOut(blackouts, Date.parse(`2026-06-01T${time}+02:00`));
    expect([at('07:29:59.999'), at('07:30:00.000'), at('17:59:59.999'), at('18:00:00.000')]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('may go over midnight', () => {
    expect(blackHours('2026-06-01', { kind: 'daily', from: '22:00', to: '02:00', timeZone: 'UTC' })).toEqual([
      0, 1, 22, 23,
    ]);
  });

  it('goes by the time zone of its schedule, or its own', () => {
    const daily = { kind: 'daily', from: '10:00', to: '12:00' } as const;
    expect(blackHours('2026-01-10', daily)).toEqual([9, 10]);
    expect(blackHours('2026-07-10', daily)).toEqual([8, 9]);
    expect(blackHours('2026-07-10', { ...daily, timeZone: 'America/New_York' })).toEqual([14, 15]);
  });

  it('may begin with a calendar event', () => {
    const weekend = { kind: 'calendar', event: 'sat 12:00', durationMs: 20 * hourMs } as const;
    expect(blackHours('2026-06-05', weekend)).toEqual([]);
    expect(blackHours('2026-06-06', weekend)).toEqual([
      10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
    ]);
    expect(blackHours('2026-06-07', weekend)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('is any one of them', () => {
    const [early, late] = [
      { kind: 'daily', from: '01:00', to: '02:00', timeZone: 'UTC' } as const,
      { kind: 'calendar', event: '21:00 UTC', durationMs: hourMs } as const,
    ];
    expect(blackHours('2026-06-01', early, late)).toEqual([1, 21]);
  });

  it('goes by what clocks show when they are set', () => {
    // 02:00 to 03:00 is twice in Berlin on this night, and on the other one not at all.
    const daily = { kind: 'daily', from: '02:00', to: '03:00' } as const;
    expect(blackHours('2026-10-25', daily)).toEqual([0, 1]);
    expect(blackHours('2026-03-29', daily)).toEqual([]);
  });
});
