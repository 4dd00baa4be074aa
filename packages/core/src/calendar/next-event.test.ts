import { describe, expect, it } from 'vitest';
import { formatCalendarEvent } from './calendar-event.ts';
import { lastEvent, nextEvent } from './next-event.ts';
import { parseCalendarEvent } from './parse-calendar-event.ts';
import { openTimeZone } from './time-zone.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** The next `count` events as ISO times in UTC. */
function nexts(text: string, after: string, timeZone: string, count = 1): string[] {
  const zone = openTimeZone(timeZone);
  const event = parseCalendarEvent(text);
  const found: string[] = [];
  let at: number | undefined = Date.parse(after);
  while (found.length < count) {
    at = nextEvent(event, at, zone);
    if (at === undefined) break;
    found.push(new Date(at).toISOString().replace(':00.000Z', 'Z').replace('.000Z', 'Z'));
  }
  return found;
}

describe('the next event', () => {
  it('is after the given instant, never at it', () => {
    expect(nexts('10:00', '2026-06-01T09:59:59.999Z', 'UTC')).toEqual(['2026-06-01T10:00Z']);
    expect(nexts('10:00', '2026-06-01T10:00:00.000Z', 'UTC')).toEqual(['2026-06-02T10:00Z']);
    expect(nexts('10:00', '2026-06-01T10:00:00.001Z', 'UTC')).toEqual(['2026-06-02T10:00Z']);
  });

  it('goes by the clocks of the time zone, in summer and in winter', () => {
    expect(nexts('21:30', '2026-01-10T00:00Z', 'Europe/Berlin')).toEqual(['2026-01-10T20:30Z']);
    expect(nexts('21:30', '2026-07-10T00:00Z', 'Europe/Berlin')).toEqual(['2026-07-10T19:30Z']);
    expect(nexts('mon 00:00', '2026-07-10T00:00Z', 'Asia/Kolkata')).toEqual(['2026-07-12T18:30Z']);
    expect(nexts('21:30 UTC', '2026-07-10T00:00Z', 'Europe/Berlin')).toEqual(['2026-07-10T21:30Z']);
  });

  it('needs both the weekday and the date', () => {
    expect(nexts('sat *-1..7 15:00', '2026-03-08T00:00Z', 'UTC', 2)).toEqual([
      '2026-04-04T15:00Z',
      '2026-05-02T15:00Z',
    ]);
    expect(nexts('mon *-02-29', '2026-01-01T00:00Z', 'UTC')).toEqual(['2044-02-29T00:00Z']);
  });

  it('knows how long months are', () => {
    expect(nexts('*-31 01:00', '2026-01-31T02:00Z', 'UTC', 3)).toEqual([
      '2026-03-31T01:00Z',
      '2026-05-31T01:00Z',
      '2026-07-31T01:00Z',
    ]);
  });

  it('begins with the first day of a later month or year', () => {
    expect(nexts('03-05 01:00', '2026-01-20T00:00Z', 'UTC')).toEqual(['2026-03-05T01:00Z']);
    expect(nexts('2027-*-05 01:00', '2026-06-20T00:00Z', 'UTC')).toEqual(['2027-01-05T01:00Z']);
  });

  it('is not overlooked behind a change of the clocks that is months away', () => {
    expect(nexts('04-01 *:00', '2026-01-10T00:00Z', 'Europe/Berlin')).toEqual(['2026-03-31T22:00Z']);
    expect(nexts('11-01 *:00', '2026-07-10T00:00Z', 'Europe/Berlin')).toEqual(['2026-10-31T23:00Z']);
    expect(nexts('04-01 00:30', '2026-01-10T00:00Z', 'Europe/Berlin')).toEqual(['2026-03-31T22:30Z']);
  });

  it('is none when no such day is left', () => {
    expect(nexts('02-30', '2026-01-01T00:00Z', 'Europe/Berlin')).toEqual([]);
    expect(nexts('2015-10-21 *:00', '2026-01-01T00:00Z', 'Europe/Berlin')).toEqual([]);
  });

  it('is at the end of the gap where the clock leaves its time out', () => {
    // Berlin goes from 02:00 to 03:00 at 01:00 UTC.
    expect(nexts('02:30', '2026-03-28T12:00Z', 'Europe/Berlin', 2)).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-30T00:30Z',
    ]);
    expect(nexts('sun 02:00', '2026-03-28T12:00Z', 'Europe/Berlin')).toEqual(['2026-03-29T01:00Z']);
    // Every time that is named and left out comes to the same instant, which is one event.
    expect(nexts('2..22/2:0/15', '2026-03-29T00:50Z', 'Europe/Berlin', 2)).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-29T02:00Z',
    ]);
    // Cairo leaves out midnight, Apia left out a day.
    expect(nexts('daily', '2026-04-23T12:00Z', 'Africa/Cairo')).toEqual(['2026-04-23T22:00Z']);
    expect(nexts('fri 12:00', '2011-12-29T00:00Z', 'Pacific/Apia')).toEqual(['2011-12-30T10:00Z']);
  });

  it('is at the first of two where the clock shows its time twice', () => {
    // Berlin goes from 03:00 back to 02:00 at 01:00 UTC.
    expect(nexts('02:30', '2026-10-24T12:00Z', 'Europe/Berlin', 2)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
    ]);
    expect(nexts('02:30', '2026-10-25T00:45Z', 'Europe/Berlin')).toEqual(['2026-10-26T01:30Z']);
    expect(nexts('02:30', '2026-10-25T01:15Z', 'Europe/Berlin')).toEqual(['2026-10-26T01:30Z']);
    // St. John's went from 00:01 back to 23:01 of the day before.
    expect(nexts('23:30', '2010-11-06T12:00Z', 'America/St_Johns', 2)).toEqual([
      '2010-11-07T02:00Z',
      '2010-11-08T03:00Z',
    ]);
  });

  it('follows the time that passes where it names no hour', () => {
    expect(nexts('*:30', '2026-03-29T00:00Z', 'Europe/Berlin', 3)).toEqual([
      '2026-03-29T00:30Z',
      '2026-03-29T01:30Z',
      '2026-03-29T02:30Z',
    ]);
    expect(nexts('hourly', '2026-10-24T23:30Z', 'Europe/Berlin', 4)).toEqual([
      '2026-10-25T00:00Z',
      '2026-10-25T01:00Z',
      '2026-10-25T02:00Z',
      '2026-10-25T03:00Z',
    ]);
    // That all hours are named one by one makes no difference.
    expect(nexts('0..11,12..23:30', '2026-10-25T00:00Z', 'Europe/Berlin', 2)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-25T01:30Z',
    ]);
    // The last hour of that Saturday came twice, although the clock had been at Sunday.
    expect(nexts('sat *:30', '2010-11-07T01:45Z', 'America/St_Johns', 3)).toEqual([
      '2010-11-07T02:00Z',
      '2010-11-07T03:00Z',
      '2010-11-13T04:00Z',
    ]);
  });
});

const at = (text: string) => Date.parse(text);

describe('the last event', () => {
  const zone = openTimeZone('Europe/Berlin');
  const last = (text: string, after: string, until: string) =>
    lastEvent(parseCalendarEvent(text), at(after), at(until), zone);

  it('is the last one in a time, whose beginning is outside and whose end is inside', () => {
    expect(last('21:30', '2026-07-01T00:00Z', '2026-07-10T00:00Z')).toBe(at('2026-07-09T19:30Z'));
    expect(last('21:30', '2026-07-01T00:00Z', '2026-07-09T19:30Z')).toBe(at('2026-07-09T19:30Z'));
    expect(last('21:30', '2026-07-01T00:00Z', '2026-07-09T19:29:59.999Z')).toBe(at('2026-07-08T19:30Z'));
    expect(last('21:30', '2026-07-09T19:30Z', '2026-07-10T12:00Z')).toBeUndefined();
    expect(last('21:30', '2026-07-09T19:29:59Z', '2026-07-10T12:00Z')).toBe(at('2026-07-09T19:30Z'));
  });

  it('is found at once in a long time that is full of them', () => {
    expect(last('*:*:*', '1990-01-01T00:00Z', '2026-07-10T00:00:00.500Z')).toBe(at('2026-07-10T00:00Z'));
    expect(last('mon *:*', '1990-01-01T00:00Z', '2026-07-10T12:00Z')).toBe(at('2026-07-06T21:59Z'));
  });
});

/** Everything that a test chooses comes from here, so that it chooses the same again. */
function seeded(seed: number) {
  let state = seed;
  const below = (count: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  };
  return { below, oneOf: <T>(items: readonly T[]): T => items[below(items.length)] as T };
}
type Random = ReturnType<typeof seeded>;

/** A text and, written by another hand than the parser's, what it matches. */
interface Generated {
  text: string;
  matches: (wall: Date) => boolean;
  everyHour: boolean;
}

function upTo(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function generateField(random: Random, min: number, max: number): { text: string; values: Set<number> } {
  const pick = () => min + random.below(max - min + 1);
  const span = (): [string, number[]] => {
    const [a, b, step] = [pick(), pick(), 1 + random.below(Math.min(15, max - 1))];
    const [from, to] = [Math.min(a, b), Math.max(a, b)];
    return random.oneOf<[string, number[]]>([
      [`${a}`, [a]],
      [`${from}..${to}`, upTo(from, to)],
      [`${a}/${step}`, upTo(a, max, step)],
      [`${from}..${to}/${step}`, upTo(from, to, step)],
    ]);
  };
  const step = 1 + random.below(Math.min(15, max - 1));
  if (random.below(4) === 0) return { text: '*', values: new Set(upTo(min, max)) };
  if (random.below(4) === 0) return { text: `*/${step}`, values: new Set(upTo(min, max, step)) };
  const spans = Array.from({ length: 1 + random.below(2) }, span);
  return {
    text: spans.map(([text]) => text).join(','),
    values: new Set(spans.flatMap(([, values]) => values)),
  };
}

const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function generate(random: Random, withSeconds: boolean): Generated {
  const day = random.below(3) === 0 ? random.below(7) : undefined;
  const dates = random.below(4) === 0 ? generateField(random, 1, 31) : undefined;
  const hours = generateField(random, 0, 23);
  const minutes = generateField(random, 0, 59);
  const seconds = withSeconds ? generateField(random, 0, 59) : { text: '', values: new Set([0]) };
  const time = [hours.text, minutes.text, ...(withSeconds ? [seconds.text] : [])].join(':');
  return {
    text: [day === undefined ? [] : weekdays[day], dates ? `*-${dates.text}` : [], time].flat().join(' '),
    everyHour: hours.values.size === 24,
    matches: (wall) =>
      (day === undefined || wall.getUTCDay() === day) &&
      (dates === undefined || dates.values.has(wall.getUTCDate())) &&
      hours.values.has(wall.getUTCHours()) &&
      minutes.values.has(wall.getUTCMinutes()) &&
      seconds.values.has(wall.getUTCSeconds()),
  };
}

/** What the clock on the wall shows at every step of a time. */
function watchClock(timeZone: string, from: number, durationMs: number, stepMs: number) {
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return Array.from({ length: durationMs / stepMs }, (_, index) => {
    const at = from + index * stepMs;
    return { at, wall: Date.parse(`${clock.format(at).replace(' ', 'T')}Z`) };
  });
}

/** Looks at every single step. A time counts when the clock shows it, or passes it by, for the first time. */
function eventsBySlowReference(
  { matches, everyHour }: Generated,
  watched: readonly { at: number; wall: number }[],
  stepMs: number,
): number[] {
  let highest = (watched[0]?.wall ?? 0) - stepMs;
  return watched
    .filter(({ wall }) => {
      if (everyHour) return matches(new Date(wall));
      let found = false;
      for (; highest < wall; highest += stepMs) found ||= matches(new Date(highest + stepMs));
      return found;
    })
    .map(({ at }) => at);
}

/** The zone, and an instant about a day before its clocks are set. */
const changes: [string, string][] = [
  ['UTC', '2026-02-27T10:00Z'],
  ['Asia/Kolkata', '2026-12-30T10:00Z'],
  ['Europe/Berlin', '2026-03-28T03:00Z'],
  ['Europe/Berlin', '2026-10-24T03:00Z'],
  ['America/New_York', '2026-03-07T10:00Z'],
  ['America/New_York', '2026-10-31T10:00Z'],
  ['America/Havana', '2026-03-07T10:00Z'],
  ['America/Havana', '2026-10-31T10:00Z'],
  ['America/St_Johns', '2010-03-13T10:00Z'],
  ['America/St_Johns', '2010-11-06T10:00Z'],
  ['America/Sao_Paulo', '2018-11-03T10:00Z'],
  ['America/Sao_Paulo', '2019-02-16T10:00Z'],
  ['Australia/Lord_Howe', '2026-04-03T18:00Z'],
  ['Australia/Lord_Howe', '2026-10-02T18:00Z'],
  ['Africa/Cairo', '2026-04-22T22:00Z'],
  ['Africa/Cairo', '2026-10-28T22:00Z'],
  ['Pacific/Apia', '2011-12-29T10:00Z'],
];

const iso = (time: number | undefined) => (time === undefined ? 'none' : new Date(time).toISOString());

interface Watch {
  readonly timeZone: string;
  readonly from: number;
  readonly durationMs: number;
  readonly stepMs: number;
  readonly events: number;
}

/** Where the answers are others than the reference's, of so many random events; and how often they could be. */
function compare(random: Random, watch: Watch): { differences: string[]; compared: number } {
  const { timeZone, from, durationMs, stepMs } = watch;
  const [end, zone] = [from + durationMs, openTimeZone(timeZone)];
  const watched = watchClock(timeZone, from, durationMs, stepMs);
  const differences: string[] = [];
  let compared = 0;
  const check = (what: string, got: number | undefined, wanted: number | undefined) => {
    if (got !== wanted) differences.push(`${what}: ${iso(got)}, the reference says ${iso(wanted)}`);
  };
  for (let count = 0; count < watch.events; count++) {
    const generated = generate(random, stepMs < minuteMs);
    const event = parseCalendarEvent(generated.text);
    const expected = eventsBySlowReference(generated, watched, stepMs);
    for (let trial = 0; trial < 15; trial++) {
      const after = trial === 0 ? from - 1 : from + random.below(durationMs);
      const what = `"${generated.text}" after ${iso(after)}`;
      const wanted = expected.find((time) => time > after);
      const got = nextEvent(event, after, zone);
      // What comes after the time that was watched, the reference does not know.
      check(what, got !== undefined && got >= end ? undefined : got, wanted);
      if (wanted !== undefined) compared++;
      const until = after + random.below(end - after);
      const last = expected.findLast((time) => time > after && time <= until);
      check(`${what} until ${iso(until)}`, lastEvent(event, after, until, zone), last);
    }
    check(
      `"${generated.text}" as it is formatted`,
      nextOf(formatCalendarEvent(event)),
      nextOf(generated.text),
    );
  }
  return { differences, compared };

  function nextOf(text: string): number | undefined {
    return nextEvent(parseCalendarEvent(text), from, zone);
  }
}

describe.each(changes)('beside a slow reference, in %s from %s', (timeZone, start) => {
  const from = Date.parse(start);

  it('minute by minute over three days', () => {
    const watch = { timeZone, from, durationMs: 72 * hourMs, stepMs: minuteMs, events: 25 };
    const { differences, compared } = compare(seeded(from), watch);
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(150);
  });

  it('second by second around the change', () => {
    const zone = openTimeZone(timeZone);
    let changed = from;
    while (changed < from + 48 * hourMs && zone.offsetMs(changed) === zone.offsetMs(from))
      changed += 5 * minuteMs;
    const watch = { timeZone, from: changed - 2 * hourMs, durationMs: 4 * hourMs, stepMs: 1000, events: 6 };
    expect(compare(seeded(from + 1), watch).differences).toEqual([]);
  });
});

it('every zone of the reference but two has its clocks set in the time that is watched', () => {
  const still = changes.filter(([timeZone, start]) => {
    const zone = openTimeZone(timeZone);
    const from = Date.parse(start);
    return zone.offsetMs(from) === zone.offsetMs(from + 72 * hourMs);
  });
  expect(still.map(([timeZone]) => timeZone)).toEqual(['UTC', 'Asia/Kolkata']);
});

describe('a time zone', () => {
  it('that is not known is refused by its name', () => {
    expect(() => openTimeZone('Europe/Bielefeld')).toThrow(/"Europe\/Bielefeld" is not known/);
  });

  it('knows seconds and milliseconds', () => {
    const zone = openTimeZone('Africa/Monrovia');
    expect(zone.offsetMs(Date.parse('1971-06-01T00:00:00.123Z'))).toBe(-(44 * 60 + 30) * 1000);
    expect(openTimeZone('Asia/Kathmandu').offsetMs(Date.parse('2026-06-01T23:59:59.999Z'))).toBe(
      345 * minuteMs,
    );
  });
});
