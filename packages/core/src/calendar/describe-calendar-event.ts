import {
  type CalendarEvent,
  type Field,
  isEveryHour,
  nextValue,
  runsOf,
  type Unit,
  units,
} from './calendar-event.ts';

const weekdayWords = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const monthWords = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** More times of a day than this are told by their rule. */
const listedTimes = 6;

/** In English words, for people who do not read calendar events: `Monday to Friday at 22:00`. */
export function describeCalendarEvent(event: CalendarEvent): string {
  const day = describeDay(event);
  const times = timesOfDay(event);
  const zone = event.utc ? ' UTC' : '';
  if (times) return `${day ?? 'every day'} at ${list(times)}${zone}`;
  const rule = describeTimes(event);
  return `${day === undefined ? rule : `${day}, ${rule}`}${zone}`;
}

/** Undefined for every day. */
function describeDay(event: CalendarEvent): string | undefined {
  const weekdays =
    event.weekdays.length === weekdayWords.length ? undefined : describeWeekdays(event.weekdays);
  const date = describeDate(event);
  if (date === undefined) return weekdays && (event.weekdays.length === 1 ? `every ${weekdays}` : weekdays);
  return weekdays === undefined ? date : `${date} if it is ${weekdays}`;
}

function describeWeekdays(weekdays: readonly number[]): string {
  return list(
    runsOf(weekdays).map((run) => throughWords(run, (day) => weekdayWords[day])),
    'or',
  );
}

function describeDate({ years, months, days }: CalendarEvent): string | undefined {
  if (years === '*' && months === '*' && days === '*') return undefined;
  const year = years === '*' ? '' : ` ${spans(years, units.years)}`;
  const of =
    months === '*'
      ? ` of every month`
      : ` of ${spans(months, units.months, (value) => monthWords[value - 1])}`;
  const month = months === '*' && years !== '*' ? `${of} of` : of;
  if (days === '*') return months === '*' ? `every day of${year}` : `every day${month}${year}`;
  return `${isSingle(days) ? 'day' : 'days'} ${spans(days, units.days)}${month}${year}`;
}

/** Every time of the day, where they are few. */
function timesOfDay(event: CalendarEvent): string[] | undefined {
  if (isEveryHour(event)) return undefined;
  const [hours, minutes, seconds] = (['hours', 'minutes', 'seconds'] as const).map((part) =>
    valuesOf(event[part], units[part]),
  );
  if (!hours || !minutes || !seconds) return undefined;
  if (hours.length * minutes.length * seconds.length > listedTimes) return undefined;
  const withSeconds = seconds.some((second) => second !== 0);
  return hours.flatMap((hour) =>
    minutes.flatMap((minute) =>
      seconds.map((second) => [hour, minute, ...(withSeconds ? [second] : [])].map(pad).join(':')),
    ),
  );
}

function describeTimes(event: CalendarEvent): string {
  const minutes = valuesOf(event.minutes, units.minutes);
  const seconds = valuesOf(event.seconds, units.seconds);
  const second = seconds.length === 1 && seconds[0] === 0 ? '' : `, ${rhythm(event.seconds, units.seconds)}`;
  if (second !== '' && isEveryHour(event) && event.minutes === '*')
    return rhythm(event.seconds, units.seconds);
  if (!isEveryHour(event)) {
    const hours = `of the ${isSingle(event.hours) ? 'hour' : 'hours'} ${spans(event.hours, units.hours)}`;
    return `${rhythm(event.minutes, units.minutes)} ${hours}${second}`;
  }
  if (minutes.length === 1) return `every hour${minutes[0] === 0 ? '' : ` at minute ${minutes[0]}`}${second}`;
  const rule = rhythm(event.minutes, units.minutes);
  return `${rule}${rule.startsWith('every') ? '' : ' of every hour'}${second}`;
}

/** `every 5 minutes` where that is true over the end of the hour as well. */
function rhythm(field: Field, unit: Unit): string {
  if (field === '*') return `every ${unit.name}`;
  const [span] = field;
  const count = unit.max + 1;
  if (
    field.length === 1 &&
    span &&
    span.from < span.step &&
    count % span.step === 0 &&
    span.to + span.step > unit.max
  ) {
    const offset = span.from === 0 ? '' : ` from ${unit.name} ${span.from} on`;
    return `every ${span.step} ${unit.name}s${offset}`;
  }
  return `at ${isSingle(field) ? unit.name : `${unit.name}s`} ${spans(field, unit)}`;
}

function spans(field: Field, unit: Unit, word: (value: number) => string | undefined = String): string {
  if (field === '*') return `${unit.min} to ${unit.max}`;
  return list(
    field.map(({ from, to, step }) => {
      const through = throughWords([from, to - ((to - from) % step)], word);
      return step === 1 ? through : `${through} in steps of ${step}`;
    }),
  );
}

function throughWords(
  [first, last]: readonly [number, number],
  word: (value: number) => string | undefined,
): string {
  return first === last ? `${word(first)}` : `${word(first)} to ${word(last)}`;
}

function valuesOf(field: Field, unit: Unit): number[] {
  const values: number[] = [];
  let value = nextValue(field, unit.min, unit);
  while (value !== undefined) {
    values.push(value);
    value = nextValue(field, value + 1, unit);
  }
  return values;
}

function isSingle(field: Field): boolean {
  return field !== '*' && field.length === 1 && field[0]?.from === field[0]?.to;
}

function list(words: readonly string[], last = 'and'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
