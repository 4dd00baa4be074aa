import { describe, expect, it } from 'vitest';
import { formatCalendarEvent } from './calendar-event.ts';
import { CalendarEventError, parseCalendarEvent } from './parse-calendar-event.ts';

const canonical = (text: string) => formatCalendarEvent(parseCalendarEvent(text));

function errorOf(text: string): CalendarEventError {
  try {
    parseCalendarEvent(text);
  } catch (error) {
    if (error instanceof CalendarEventError) return error;
    throw error;
  }
  throw new Error(`"${text}" was accepted`);
}

describe('a calendar event', () => {
  it.each([
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
    ['mon..fri 22:00', 'mon..fri 22:00'],
    ['mon,tue,wed,thu,fri 22:00', 'mon..fri 22:00'],
    ['Fri,MONDAY,friday', 'mon,fri 00:00'],
    ['fri..mon', 'mon,fri..sun 00:00'],
    ['sun..sat', '00:00'],
    ['mon,tue', 'mon,tue 00:00'],
    ['mon', 'mon 00:00'],
    ['*', '*:*'],
    ['22', '*:22'],
    ['*/5', '*:00/5'],
    ['0/5', '*:00/5'],
    ['0..59', '*:*'],
    ['*/1:*/1:0', '*:*'],
    ['21:30', '21:30'],
    ['1:2:3', '01:02:03'],
    ['*:*:*', '*:*:*'],
    ['2..22/2:0/15', '02..22/2:00/15'],
    ['12/2:5', '12/2:05'],
    ['8..17,22:0/15', '08..17,22:00/15'],
    // Repeated beyond its end, it is one value.
    ['20/10:50..55/6', '20:50'],
    ['*-05', '*-05 00:00'],
    ['*-*-01', '*-01 00:00'],
    ['*-*', '00:00'],
    ['*-*/10 1:0', '*-01/10 01:00'],
    ['2015-10-21', '2015-10-21 00:00'],
    ['2026,2028-*-1,15 3:0', '2026,2028-*-01,15 03:00'],
    ['sat *-1..7 15:00', 'sat *-01..07 15:00'],
    ['  mon..fri\t22:00  ', 'mon..fri 22:00'],
    ['daily UTC', '00:00 UTC'],
    ['mon *-1 3:00 UTC', 'mon *-01 03:00 UTC'],
  ])('%s is written %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
    expect(parseCalendarEvent(expected)).toEqual(parseCalendarEvent(text));
  });

  it.each([
    ['', '', 0, 'empty'],
    ['   ', '   ', 0, 'empty'],
    ['UTC', 'UTC', 0, 'no weekday'],
    ['mon..fri 22:61', '61', 12, 'minutes go from 0 to 59'],
    ['25:00', '25', 0, 'hours go from 0 to 23'],
    ['1:2:60', '60', 4, 'seconds go from 0 to 59'],
    ['*-13-01 2:00', '13', 2, 'months go from 1 to 12'],
    ['*-0', '0', 2, 'days go from 1 to 31'],
    ['sat *-1..32 15:00', '1..32', 6, 'days go from 1 to 31'],
    ['2200-01-01', '2200', 0, 'years go from 0 to 2199'],
    ['8..6:00', '8..6', 0, 'upwards'],
    ['0/0', '0/0', 0, 'every 1 to 59 minutes'],
    ['*/24:00', '*/24', 0, 'every 1 to 23 hours'],
    ['5,*:00', '*', 2, '* stands alone'],
    ['5,:00', '', 2, 'something is missing'],
    ['5:', '', 2, 'something is missing'],
    ['mon, tue 3:00', '', 4, 'no spaces'],
    ['mon..xyz 1:00', 'xyz', 5, 'no weekday'],
    ['mon..wed..fri 1:00', 'mon..wed..fri', 0, 'mon..fri'],
    ['mon-fri 2:30', 'mon-fri', 0, 'a range of weekdays is written mon..fri'],
    ['nope', 'nope', 0, 'no weekday'],
    ['constructor', 'constructor', 0, 'no weekday'],
    ['daily 2:30', 'daily', 0, 'stands alone'],
    ['2:30 mon', 'mon', 5, 'the order is'],
    ['2:30 *-01', '*-01', 5, 'the order is'],
    ['mon 2:30 3:30', '3:30', 9, 'the order is'],
    ['1:2:3:4', '1:2:3:4', 0, 'hours:minutes'],
    ['1-2-3-4', '1-2-3-4', 0, 'months-days'],
    ['-1:00', '', 0, 'something is missing'],
    ['1.5:00', '1.5', 0, 'no hour'],
    ['１:00', '１', 0, 'no hour'],
    [`mon ${'1,'.repeat(80)}1:00`, `mon ${'1,'.repeat(80)}1:00`, 0, 'longer than 128'],
  ])('%j is refused at %j', (text, part, index, problem) => {
    const error = errorOf(text);
    expect(error.message).toContain(problem);
    expect(error).toMatchObject({ part, index });
    expect(text.slice(index, index + part.length)).toBe(part);
  });
});
