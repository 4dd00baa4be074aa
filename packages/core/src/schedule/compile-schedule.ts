import type { Schedule } from '@tacet/protocol';
import type { CalendarEvent } from '../calendar/calendar-event.ts';
import { nextEvent } from '../calendar/next-event.ts';
import { CalendarEventError, parseCalendarEvent } from '../calendar/parse-calendar-event.ts';
import { openTimeZone, type TimeZone, utcZone } from '../calendar/time-zone.ts';
import type { Blackout } from './blackout.ts';

/** A schedule whose calendar events and time zones have been read. */
export interface CompiledSchedule {
  readonly schedule: Schedule;
  readonly event: CalendarEvent;
  readonly zone: TimeZone;
  readonly blackouts: readonly Blackout[];
}

export interface ScheduleProblem {
  /** As `when.event` or `blackouts.0.timeZone`. */
  readonly path: string;
  readonly message: string;
}

/** Names everything that is wrong with a schedule whose shape is right. */
export class ScheduleError extends Error {
  readonly problems: readonly ScheduleProblem[];

  constructor(name: string, problems: readonly ScheduleProblem[]) {
    super(`the schedule "${name}": ${problems.map(({ path, message }) => `${path}: ${message}`).join('; ')}`);
    this.name = 'ScheduleError';
    this.problems = problems;
  }
}

/** @throws ScheduleError when a calendar event cannot be read or never happens, or a time zone is not known */
export function compileSchedule(schedule: Schedule): CompiledSchedule {
  const problems: ScheduleProblem[] = [];
  const readEvent = (path: string, text: string): CalendarEvent | undefined => {
    try {
      const event = parseCalendarEvent(text);
      if (nextEvent(event, 0, utcZone) !== undefined) return event;
      problems.push({ path, message: `"${text}" never happens` });
    } catch (error) {
      if (!(error instanceof CalendarEventError)) throw error;
      problems.push({ path, message: error.message });
    }
    return undefined;
  };
  const readZone = (path: string, name: string): TimeZone | undefined => {
    try {
      return openTimeZone(name);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      problems.push({ path, message: error.message });
      return undefined;
    }
  };

  const event = readEvent('when.event', schedule.when.event);
  const zone = readZone('when.timeZone', schedule.when.timeZone);
  const blackouts = schedule.blackouts.map((window, index): Blackout | undefined => {
    const path = `blackouts.${index}`;
    const own = window.timeZone === undefined ? zone : readZone(`${path}.timeZone`, window.timeZone);
    if (window.kind === 'daily')
      return (
        own && { kind: 'daily', fromMinute: minuteOf(window.from), toMinute: minuteOf(window.to), zone: own }
      );
    const begin = readEvent(`${path}.event`, window.event);
    return own && begin && { kind: 'calendar', event: begin, durationMs: window.durationMs, zone: own };
  });
  if (!event || !zone || problems.length > 0) throw new ScheduleError(schedule.name, problems);
  return { schedule, event, zone, blackouts: blackouts.filter((blackout) => blackout !== undefined) };
}

/** `07:30` as minutes after midnight. */
function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}
