import { type CalendarEvent, nextValue, units } from './calendar-event.ts';

const dayMs = 86_400_000;

/**
 * The event's first date and time that is `from` or later, in a calendar that knows no time zone. Such a _wall
 * time_ is given as the milliseconds that a clock in UTC would count. Undefined when there is none up to 2199.
 */
export function nextWallTime(event: CalendarEvent, from: number): number | undefined {
  const start = Math.ceil(from / 1000) * 1000;
  const midnight = Math.floor(start / dayMs) * dayMs;
  const day = nextDay(event, midnight);
  if (day === undefined) return undefined;
  if (day === midnight) {
    const timeMs = nextTimeOfDay(event, (start - midnight) / 1000);
    if (timeMs !== undefined) return midnight + timeMs;
  }
  const later = day === midnight ? nextDay(event, midnight + dayMs) : day;
  const first = nextTimeOfDay(event, 0);
  return later === undefined || first === undefined ? undefined : later + first;
}

/** The first midnight that is `from` (a midnight) or later and begins a day of the event. */
function nextDay(event: CalendarEvent, from: number): number | undefined {
  const start = new Date(from);
  const at = { year: start.getUTCFullYear(), month: start.getUTCMonth() + 1, day: start.getUTCDate() };
  for (;;) {
    const year = nextValue(event.years, at.year, units.years);
    if (year === undefined) return undefined;
    if (year > at.year) Object.assign(at, { year, month: 1, day: 1 });
    const month = nextValue(event.months, at.month, units.months);
    if (month === undefined) {
      Object.assign(at, { year: year + 1, month: 1, day: 1 });
      continue;
    }
    if (month > at.month) Object.assign(at, { month, day: 1 });
    const found = nextDayOfMonth(event, year, month, at.day);
    if (found !== undefined) return found;
    Object.assign(at, { month: month + 1, day: 1 });
  }
}

function nextDayOfMonth(event: CalendarEvent, year: number, month: number, from: number): number | undefined {
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  let day = nextValue(event.days, from, units.days);
  while (day !== undefined && day <= lastDay) {
    const midnight = Date.UTC(year, month - 1, day);
    if (event.weekdays.includes((new Date(midnight).getUTCDay() + 6) % 7)) return midnight;
    day = nextValue(event.days, day + 1, units.days);
  }
  return undefined;
}

/** Milliseconds after midnight. */
function nextTimeOfDay(event: CalendarEvent, fromSecond: number): number | undefined {
  const at = {
    hour: Math.floor(fromSecond / 3600),
    minute: Math.floor(fromSecond / 60) % 60,
    second: fromSecond % 60,
  };
  for (;;) {
    const hour = nextValue(event.hours, at.hour, units.hours);
    if (hour === undefined) return undefined;
    if (hour > at.hour) Object.assign(at, { hour, minute: 0, second: 0 });
    const minute = nextValue(event.minutes, at.minute, units.minutes);
    if (minute === undefined) {
      Object.assign(at, { hour: hour + 1, minute: 0, second: 0 });
      continue;
    }
    if (minute > at.minute) Object.assign(at, { minute, second: 0 });
    const second = nextValue(event.seconds, at.second, units.seconds);
    if (second !== undefined) return ((hour * 60 + minute) * 60 + second) * 1000;
    Object.assign(at, { minute: minute + 1, second: 0 });
  }
}
