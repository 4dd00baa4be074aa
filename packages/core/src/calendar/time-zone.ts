/** What local clocks show, as the tz database of the runtime (`Intl`) knows it. */
export interface TimeZone {
  readonly name: string;
  /** How far local clocks are ahead of UTC at that instant. */
  offsetMs(at: number): number;
}

export const utcZone: TimeZone = { name: 'UTC', offsetMs: () => 0 };

/** @throws RangeError when no such time zone is known */
export function openTimeZone(name: string): TimeZone {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch (cause) {
    throw new RangeError(`the time zone "${name}" is not known; write for example Europe/Berlin or UTC`, {
      cause,
    });
  }
  return {
    name,
    offsetMs(at) {
      // `11/14/2023, GMT+01:00`, only `GMT` where there is no difference, and seconds in old times.
      const shown = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(format.format(at));
      if (!shown) throw new Error(`the runtime shows no offset of ${name}`);
      const [, sign, hours = 0, minutes = 0, seconds = 0] = shown;
      const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
      return sign === '-' ? -ms : ms;
    },
  };
}

/** No zone is further from UTC, and no clock was ever set by more than a day. */
const farthestMs = 16 * 3_600_000;
const largestStepMs = 26 * 3_600_000;

/**
 * The first instant in (from, to] at which local clocks have been set, to the second. It sees one change: two in
 * so short a window as a few days have not been since the tz database is kept.
 */
export function clockChange(zone: TimeZone, from: number, to: number): number | undefined {
  const before = zone.offsetMs(from);
  if (zone.offsetMs(to) === before) return undefined;
  let low = Math.floor(from / 1000);
  let high = Math.ceil(to / 1000);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zone.offsetMs(middle * 1000) === before) low = middle;
    else high = middle;
  }
  return high * 1000;
}

/**
 * The first instant at which local clocks show `wall` or something later. For a time that exists twice that is
 * the first of the two; for one that does not exist, the end of the gap.
 */
export function firstInstantOf(zone: TimeZone, wall: number): number {
  const [from, to] = [wall - farthestMs, wall + farthestMs];
  const before = wall - zone.offsetMs(from);
  const change = clockChange(zone, from, to);
  if (change === undefined || before < change) return before;
  return Math.max(change, wall - zone.offsetMs(change));
}

/** The latest that local clocks have shown up to that instant: more than they show now, after they went back. */
export function latestWallTime(zone: TimeZone, at: number): number {
  const now = at + zone.offsetMs(at);
  const from = at - largestStepMs;
  const change = clockChange(zone, from, at);
  return change === undefined ? now : Math.max(now, change - 1000 + zone.offsetMs(from));
}
