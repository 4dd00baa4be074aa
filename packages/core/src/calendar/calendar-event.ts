/** The numbers `from`, `from + step`, … up to `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** What a part of a date or time may be; `*` is everything. */
export type Field = '*' | readonly Span[];

/**
 * Points in time, in the syntax of Proxmox VE: `[weekdays] [[years-]months-days] [[hours:]minutes[:seconds]]`.
 * Source: the parser of Proxmox VE 9 (proxmox-time), and its admin guide's appendix on calendar events.
 */
export interface CalendarEvent {
  /** 0 is Monday, ascending; all seven when none is named. */
  readonly weekdays: readonly number[];
  readonly years: Field;
  readonly months: Field;
  readonly days: Field;
  readonly hours: Field;
  readonly minutes: Field;
  readonly seconds: Field;
  /** Written with `UTC` at its end: whatever time zone is asked for, it is UTC. */
  readonly utc: boolean;
}

export interface Unit {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

export const units = {
  years: { name: 'year', min: 0, max: 2199 },
  months: { name: 'month', min: 1, max: 12 },
  days: { name: 'day', min: 1, max: 31 },
  hours: { name: 'hour', min: 0, max: 23 },
  minutes: { name: 'minute', min: 0, max: 59 },
  seconds: { name: 'second', min: 0, max: 59 },
} as const satisfies Record<string, Unit>;

export const weekdayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** The smallest value of the field that is `from` or more, or none. */
export function nextValue(field: Field, from: number, unit: Unit): number | undefined {
  if (field === '*') return from > unit.max ? undefined : Math.max(from, unit.min);
  let next: number | undefined;
  for (const span of field) {
    const steps = Math.max(0, Math.ceil((from - span.from) / span.step));
    const value = span.from + steps * span.step;
    if (value <= span.to && (next === undefined || value < next)) next = value;
  }
  return next;
}

/** Whether the event names no hour: it then follows the time that passes, and not the clock on the wall. */
export function isEveryHour({ hours }: CalendarEvent): boolean {
  for (let hour = 0; hour <= units.hours.max; hour++) {
    if (nextValue(hours, hour, units.hours) !== hour) return false;
  }
  return true;
}

/** In the one canonical spelling; parsing it gives the same event. */
export function formatCalendarEvent(event: CalendarEvent): string {
  const { weekdays, years, months, days, hours, minutes, seconds } = event;
  const parts: string[] = [];
  if (weekdays.length < weekdayNames.length) parts.push(formatWeekdays(weekdays));
  const date = `${formatField(months, units.months)}-${formatField(days, units.days)}`;
  if (years !== '*') parts.push(`${formatField(years, units.years)}-${date}`);
  else if (date !== '*-*') parts.push(date);
  const time = `${formatField(hours, units.hours)}:${formatField(minutes, units.minutes)}`;
  const second = formatField(seconds, units.seconds);
  parts.push(second === '00' ? time : `${time}:${second}`);
  if (event.utc) parts.push('UTC');
  return parts.join(' ');
}

function formatField(field: Field, { max }: Unit): string {
  if (field === '*') return '*';
  return field
    .map(({ from, to, step }) => {
      if (from === to) return pad(from);
      if (step === 1) return `${pad(from)}..${pad(to)}`;
      return to === max ? `${pad(from)}/${step}` : `${pad(from)}..${pad(to)}/${step}`;
    })
    .join(',');
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

function formatWeekdays(weekdays: readonly number[]): string {
  return runsOf(weekdays)
    .map(([first, last]) =>
      first === last ? weekdayNames[first] : `${weekdayNames[first]}..${weekdayNames[last]}`,
    )
    .join(',');
}

/** Ascending numbers as runs of at least three neighbours, and single ones. */
export function runsOf(values: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const value of values) {
    const run = runs.at(-1);
    if (run && run[1] === value - 1) run[1] = value;
    else runs.push([value, value]);
  }
  return runs.flatMap(([first, last]): [number, number][] =>
    last === first + 1
      ? [
          [first, first],
          [last, last],
        ]
      : [[first, last]],
  );
}
