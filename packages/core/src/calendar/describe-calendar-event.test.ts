import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeCalendarEvent } from './describe-calendar-event.ts';
import { nextEvent } from './next-event.ts';
import { CalendarEventError, parseCalendarEvent } from './parse-calendar-event.ts';
import { openTimeZone } from './time-zone.ts';

describe('in words', () => {
  it.each([
    ['*', 'every minute'],
    ['*:*:*', 'every second'],
    ['*:*:0/10', 'every 10 seconds'],
    ['*:0:30', 'every hour, at second 30'],
    ['5/15', 'every 15 minutes from minute 5 on'],
    ['0/7', 'at minutes 0 to 56 in steps of 7 of every hour'],
    ['0,30', 'at minutes 0 and 30 of every hour'],
    ['mon,tue 1:00', 'Monday or Tuesday at 01:00'],
    ['fri..mon', 'Monday or Friday to Sunday at 00:00'],
    ['1,13:00:30', 'every day at 01:00:30 and 13:00:30'],
    ['8:*', 'every minute of the hour 8'],
    ['8..17:*:30', 'every minute of the hours 8 to 17, at second 30'],
    ['02-29', 'day 29 of February at 00:00'],
    ['1..5-* 0:0', 'every day of January to May at 00:00'],
    ['2027-*-* *:00', 'every day of 2027, every hour'],
    ['sat 2027-*-1,15 3:0 UTC', 'days 1 and 15 of every month of 2027 if it is Saturday at 03:00 UTC'],
    [
      'mon *-1 */2:00',
      'day 1 of every month if it is Monday, at minute 0 of the hours 0 to 22 in steps of 2',
    ],
  ])('%s is %s', (text, words) => {
    expect(describeCalendarEvent(parseCalendarEvent(text))).toBe(words);
  });
});

const page = readFileSync(
  resolve(import.meta.dirname, '../../../../docs/reference/calendar-events.md'),
  'utf8',
);

/** The cells of the table whose first column has that title, without the marks of code. */
function rowsOf(title: string): string[][] {
  const lines = page.split('\n');
  const head = lines.findIndex((line) => line.startsWith(`| ${title} `));
  const end = lines.findIndex((line, index) => index > head && !line.startsWith('|'));
  return lines.slice(head + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

const zone = openTimeZone('Europe/Berlin');

/** What a clock in Berlin shows: `Wed 2026-03-04 22:00`. */
function onTheWall(at: number | undefined): string {
  if (at === undefined) return '–';
  const wall = new Date(at + zone.offsetMs(at));
  const weekday = wall.toUTCString().slice(0, 3);
  return `${weekday} ${wall.toISOString().slice(0, 16).replace('T', ' ')}`;
}

describe('the reference of calendar events', () => {
  // 10:07 in Berlin, the moment from which the page counts.
  const after = Date.parse('2026-03-04T10:07+01:00');

  it.each(rowsOf('event'))('says of %s: %s; then %s', (text, words, next) => {
    const event = parseCalendarEvent(text);
    expect(describeCalendarEvent(event)).toBe(words);
    expect(onTheWall(nextEvent(event, after, zone))).toBe(next);
  });

  it.each(rowsOf('shorthand'))('says that %s is %s', (shorthand, text) => {
    expect(parseCalendarEvent(shorthand)).toEqual(parseCalendarEvent(text));
  });

  it.each(rowsOf('clocks'))(
    'says, when they are set %s, what comes of %s after %s',
    (_, text, from, then) => {
      let at = nextEvent(parseCalendarEvent(text), Date.parse(from), zone);
      const found: string[] = [];
      for (const count = then.split(', ').length; found.length < count && at !== undefined;) {
        const hours = zone.offsetMs(at) / 3_600_000;
        found.push(`${new Date(at + zone.offsetMs(at)).toISOString().slice(8, 16)}+0${hours}:00`);
        at = nextEvent(parseCalendarEvent(text), at, zone);
      }
      expect(found).toEqual(then.split(', '));
    },
  );

  it.each(rowsOf('refused'))('says that %s is refused', (text) => {
    expect(() => parseCalendarEvent(text)).toThrow(CalendarEventError);
  });

  it('has all of its tables', () => {
    const counts = ['event', 'shorthand', 'clocks', 'refused'].map((title) => rowsOf(title).length);
    expect(Math.min(...counts)).toBeGreaterThan(3);
  });
});
