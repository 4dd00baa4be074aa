import {
  type CalendarEvent,
  type Field,
  type Span,
  type Unit,
  units,
  weekdayNames,
} from './calendar-event.ts';

/** What is wrong with a calendar event, and where. */
export class CalendarEventError extends Error {
  /** What could not be read. */
  readonly part: string;
  /** Where it begins in the text, counted from 0. */
  readonly index: number;

  constructor(text: string, { part, index }: Part, problem: string) {
    const place = part === '' ? '' : `"${part}" `;
    const where = part === text ? '' : `, at ${place}(character ${index + 1})`;
    super(`the calendar event "${text}" cannot be read${where}: ${problem}`);
    this.name = 'CalendarEventError';
    this.part = part;
    this.index = index;
  }
}

interface Part {
  readonly part: string;
  readonly index: number;
}

const shorthands: ReadonlyMap<string, string> = new Map([
  ['minutely', '*:*'],
  ['hourly', '*:00'],
  ['daily', '00:00'],
  ['weekly', 'mon 00:00'],
  ['monthly', '*-01 00:00'],
  ['quarterly', '01,04,07,10-01 00:00'],
  ['semiannually', '01,07-01 00:00'],
  ['semi-annually', '01,07-01 00:00'],
  ['yearly', '01-01 00:00'],
  ['annually', '01-01 00:00'],
]);

/** Proxmox VE refuses longer ones. */
const maxLength = 128;

/** @throws CalendarEventError that names the part which cannot be read */
export function parseCalendarEvent(text: string): CalendarEvent {
  const fail = (at: Part, problem: string): never => {
    throw new CalendarEventError(text, at, problem);
  };
  if (text.length > maxLength) fail({ part: text, index: 0 }, `it is longer than ${maxLength} characters`);
  const words = wordsOf(text);
  const utc = words.length > 1 && words.at(-1)?.part === 'UTC';
  if (utc) words.pop();
  const [only] = words;
  if (!only) return fail({ part: text, index: 0 }, 'it is empty; write for example mon..fri 22:00');
  const shorthand = words.length === 1 ? shorthands.get(only.part.toLowerCase()) : undefined;
  if (shorthand !== undefined) return { ...parseCalendarEvent(shorthand), utc };

  const take = (is: (word: Part) => boolean) => (words[0] && is(words[0]) ? words.shift() : undefined);
  const [weekdays, date, time] = [take(isWeekdays), take(isDate), take(isTime)];
  const event = {
    weekdays: weekdays ? parseWeekdays(weekdays, fail) : weekdayNames.map((_, day) => day),
    ...(date ? parseDate(date, fail) : everyDate),
    ...(time ? parseTime(time, fail) : midnight),
    utc,
  };
  if (words[0]) fail(words[0], 'the order is weekdays, date, time, each of them once');
  return event;
}

type Fail = (at: Part, problem: string) => never;

const zero: Field = [{ from: 0, to: 0, step: 1 }];
const everyDate = { years: '*', months: '*', days: '*' } as const;
const midnight = { hours: zero, minutes: zero, seconds: zero };

function wordsOf(text: string): Part[] {
  return [...text.matchAll(/\S+/g)].map((match) => ({ part: match[0], index: match.index }));
}

function isWeekdays({ part }: Part): boolean {
  return /^[a-z]/i.test(part);
}

function isDate(word: Part): boolean {
  return !isWeekdays(word) && word.part.includes('-');
}

function isTime(word: Part): boolean {
  return !isWeekdays(word) && !isDate(word);
}

/** The pieces between separators, each with its place. */
function split({ part, index }: Part, separator: string): Part[] {
  const pieces: Part[] = [];
  let at = index;
  for (const piece of part.split(separator)) {
    pieces.push({ part: piece, index: at });
    at += piece.length + separator.length;
  }
  return pieces;
}

function parseWeekdays(word: Part, fail: Fail): number[] {
  if (shorthands.has(word.part.toLowerCase())) fail(word, 'it stands alone');
  const found = new Set<number>();
  for (const piece of split(word, ',')) {
    const ends = split(piece, '..');
    const [first, last] = ends.map((end) => parseWeekday(end, fail));
    if (first === undefined || ends.length > 2) return fail(piece, 'a range is written mon..fri');
    // `fri..mon` goes on over the end of the week.
    const count = (((last ?? first) - first + 7) % 7) + 1;
    for (let day = 0; day < count; day++) found.add((first + day) % 7);
  }
  return [...found].toSorted((a, b) => a - b);
}

const longWeekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

const missing = 'something is missing here; a list has no spaces in it';

function parseWeekday(word: Part, fail: Fail): number {
  const name = word.part.toLowerCase();
  if (name === '') fail(word, missing);
  const day = weekdayNames.findIndex((short, index) => name === short || name === longWeekdays[index]);
  if (day !== -1) return day;
  const hint = name.includes('-') ? 'a range of weekdays is written mon..fri' : 'it is no weekday';
  return fail(word, `${hint}; weekdays are ${weekdayNames.join(', ')}, shorthands hourly, daily, weekly, …`);
}

function parseDate(word: Part, fail: Fail): Pick<CalendarEvent, 'years' | 'months' | 'days'> {
  const pieces = split(word, '-');
  if (pieces.length === 2) pieces.unshift({ part: '*', index: word.index });
  const [years, months, days] = pieces;
  if (!years || !months || !days || pieces.length > 3)
    return fail(word, 'a date is months-days or years-months-days, as *-01 or 2027-*-15');
  return {
    years: parseField(years, units.years, fail),
    months: parseField(months, units.months, fail),
    days: parseField(days, units.days, fail),
  };
}

function parseTime(word: Part, fail: Fail): Pick<CalendarEvent, 'hours' | 'minutes' | 'seconds'> {
  const pieces = split(word, ':');
  const [first, second, third] = pieces;
  if (!first || pieces.length > 3) return fail(word, 'a time is hours:minutes or hours:minutes:seconds');
  // Without a colon it is the minute of every hour, as in Proxmox VE.
  if (!second) return { hours: '*', minutes: parseField(first, units.minutes, fail), seconds: zero };
  return {
    hours: parseField(first, units.hours, fail),
    minutes: parseField(second, units.minutes, fail),
    seconds: third ? parseField(third, units.seconds, fail) : zero,
  };
}

function parseField(word: Part, unit: Unit, fail: Fail): Field {
  const every = /^\*(?:\/(\d+))?$/.exec(word.part);
  const spans = every
    ? [{ from: unit.min, to: unit.max, step: stepOf(every[1], word, unit, fail) }]
    : split(word, ',').map((piece) => parseSpan(piece, unit, fail));
  const isAll = ({ from, to, step }: Span) => from === unit.min && to === unit.max && step === 1;
  return spans.some(isAll) ? '*' : spans;
}

function parseSpan(word: Part, unit: Unit, fail: Fail): Span {
  if (word.part === '') fail(word, missing);
  const match = /^(\d+)(?:\.\.(\d+))?(?:\/(\d+))?$/.exec(word.part);
  if (!match) {
    const what = word.part.startsWith('*')
      ? '* stands alone, or with a repetition as */2'
      : `it is no ${unit.name}`;
    return fail(word, `${what}; write a number, a range as 1..5, or a repetition as 5/10 or 1..9/2`);
  }
  const from = valueOf(match[1], word, unit, fail);
  const end = match[2] === undefined ? undefined : valueOf(match[2], word, unit, fail);
  if (end !== undefined && end < from) fail(word, 'a range goes upwards');
  const step = stepOf(match[3], word, unit, fail);
  const to = end ?? (match[3] === undefined ? from : unit.max);
  // A single value has one spelling, however many times it was to be repeated.
  return to - from < step ? { from, to: from, step: 1 } : { from, to, step };
}

function valueOf(digits: string | undefined, word: Part, { name, min, max }: Unit, fail: Fail): number {
  const value = Number(digits);
  if (value < min || value > max) fail(word, `${name}s go from ${min} to ${max}`);
  return value;
}

function stepOf(digits: string | undefined, word: Part, { name, max }: Unit, fail: Fail): number {
  const step = digits === undefined ? 1 : Number(digits);
  if (step < 1 || step > max) fail(word, `it can be repeated every 1 to ${max} ${name}s`);
  return step;
}
