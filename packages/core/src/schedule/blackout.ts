import type { CalendarEvent } from '../calendar/calendar-event.ts';
import { nextEvent } from '../calendar/next-event.ts';
import type { TimeZone } from '../calendar/time-zone.ts';

/** A time in which no run begins. A daily one goes by what local clocks show, also when they are set. */
export type Blackout =
  | {
      readonly kind: 'daily';
      readonly fromMinute: number;
      /** Before `fromMinute` it is a minute of the next day. */
      readonly toMinute: number;
      readonly zone: TimeZone;
    }
  | {
      readonly kind: 'calendar';
      readonly event: CalendarEvent;
      readonly durationMs: number;
      readonly zone: TimeZone;
    };

const dayMinutes = 24 * 60;

/** From the first instant on, and no more at the last. */
export function isBlackedOut(blackouts: readonly Blackout[], at: number): boolean {
  return blackouts.some((blackout) => {
    if (blackout.kind === 'calendar') {
      const began = nextEvent(blackout.event, at - blackout.durationMs, blackout.zone);
      return began !== undefined && began <= at;
    }
    const { fromMinute: from, toMinute: to, zone } = blackout;
    const minute = Math.floor((at + zone.offsetMs(at)) / 60_000) % dayMinutes;
    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
  });
}
