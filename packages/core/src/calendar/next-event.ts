import { type CalendarEvent, isEveryHour } from './calendar-event.ts';
import { nextWallTime } from './next-wall-time.ts';
import { clockChange, firstInstantOf, latestWallTime, type TimeZone, utcZone } from './time-zone.ts';

const aheadMs = 48 * 3_600_000;

/**
 * The event's first instant after `after` (both in milliseconds since the epoch), or none up to the year 2199.
 *
 * When clocks are set, an event that names hours happens once for each time that it names: at the first of two,
 * and at the end of the gap where the time does not exist, so that no night goes by without its backup. An event
 * of every hour follows the time that passes. (Proxmox VE leaves out a time that does not exist.)
 */
export function nextEvent(event: CalendarEvent, after: number, timeZone: TimeZone): number | undefined {
  const zone = event.utc ? utcZone : timeZone;
  // Events happen at whole seconds.
  const seen = Math.floor(after / 1000) * 1000;
  if (isEveryHour(event)) return nextInTimeThatPasses(event, seen + 1000, zone);
  const wall = nextWallTime(event, latestWallTime(zone, seen) + 1000);
  return wall === undefined ? undefined : firstInstantOf(zone, wall);
}

/** Goes from one change of the clocks to the next; each turn comes at least one change or two days further. */
function nextInTimeThatPasses(event: CalendarEvent, from: number, zone: TimeZone): number | undefined {
  let at = from;
  for (;;) {
    const offset = zone.offsetMs(at);
    const wall = nextWallTime(event, at + offset);
    const change = clockChange(zone, at, at + aheadMs);
    if (wall !== undefined && wall - offset < (change ?? at + aheadMs)) return wall - offset;
    if (change !== undefined) at = change;
    else if (wall === undefined) return undefined;
    else at = Math.max(at + aheadMs, wall - aheadMs);
  }
}

/** The event's last instant in (after, until], or none. */
export function lastEvent(
  event: CalendarEvent,
  after: number,
  until: number,
  timeZone: TimeZone,
): number | undefined {
  let last = nextEvent(event, after, timeZone);
  if (last === undefined || last > until) return undefined;
  // Halves what lies between the last that was found and the end, beyond which there is none.
  let end = until;
  while (end - last >= 1000) {
    const middle = Math.floor((last + end) / 2);
    const found = nextEvent(event, middle, timeZone);
    if (found !== undefined && found <= until) last = found;
    else end = middle;
  }
  return last;
}
