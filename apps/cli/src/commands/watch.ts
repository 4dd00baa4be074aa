import {
  eventListSchema,
  guestListSchema,
  type Operation,
  operationListSchema,
  type StoredEvent,
} from '@tacet/protocol';
import { deferred, orAborted } from '@tacet/runtime';
import type { Context, Screen } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { liveEvents } from '../live-events.ts';
import { guestTable } from '../print/guest.ts';
import { durationOf, timeOf } from '../print/moment.ts';
import { table } from '../print/table.ts';
import { eventLine, printEvent } from './events.ts';

/** Many things happen at once: what is drawn is drawn for all of them. */
const PAUSE_MS = 250;
/** More than any screen has lines. */
const KEPT = 200;
const HOME = '\u{1b}[H';
const CLEAR = '\u{1b}[2J';
const TO_END_OF_LINE = '\u{1b}[K';
const TO_END_OF_SCREEN = '\u{1b}[J';

type Filter = (about: { readonly vmid: number | null }) => boolean;

/** Guests, what runs, and what happens, drawn anew whenever something does; into a pipe one event a line. */
export async function watch(vmids: readonly number[], context: Context): Promise<ExitCode> {
  const { api, screen, json, signal } = context;
  const isWanted: Filter = ({ vmid }) => vmids.length === 0 || (vmid !== null && vmids.includes(vmid));
  const { events, next } = await api.get(eventListSchema, `/events?limit=${KEPT}`, signal);
  if (screen !== undefined && !json) {
    return await draw(screen, events.filter(isWanted), liveEvents(next, context), isWanted, context);
  }
  for await (const event of liveEvents(next, context)) {
    if (isWanted(event)) printEvent(event, context);
  }
  throw signal.reason; // nothing else ends it
}

async function draw(
  screen: Screen,
  events: StoredEvent[],
  live: AsyncIterable<StoredEvent>,
  isWanted: Filter,
  context: Context,
): Promise<never> {
  const { print, clock, signal } = context;
  let news = deferred();
  const reading = (async (): Promise<never> => {
    for await (const event of live) {
      if (isWanted(event)) events.push(event);
      events.splice(0, events.length - KEPT);
      news.resolve();
    }
    throw signal.reason;
  })();
  reading.catch(() => undefined); // whoever waits for news is told
  print(CLEAR);
  for (;;) {
    news = deferred();
    const above = await fleetLines(isWanted, context);
    const lines = fit([...above, '', ...events.map(eventLine)], above.length + 1, screen);
    print(`${HOME}${lines.map((line) => `${line}${TO_END_OF_LINE}`).join('\n')}${TO_END_OF_SCREEN}`);
    await orAborted(Promise.race([news.promise, reading]), signal);
    await clock.sleep(PAUSE_MS, signal);
  }
}

async function fleetLines(isWanted: Filter, { api, clock, signal }: Context): Promise<string[]> {
  const { guests } = await api.get(guestListSchema, '/guests', signal);
  const { operations } = await api.get(operationListSchema, '/operations?limit=100', signal);
  const running = operations.filter((one) => one.state === 'running' && isWanted(one));
  return [...guestTable(guests.filter(isWanted)), '', ...runningTable(running, clock.now())];
}

function runningTable(operations: readonly Operation[], now: number): string[] {
  if (operations.length === 0) return ['Nothing runs.'];
  const rows = operations.map(({ id, kind, vmid, startedAt, steps }) => {
    const step = steps.at(-1);
    const doing = step === undefined ? '' : `${timeOf(step.at)}  ${step.name}: ${step.message}`;
    return [id, kind, String(vmid), durationOf(now - startedAt), doing];
  });
  return table(['id', 'runs', 'vmid', 'for', ''], rows);
}

/** As many of the last lines as there is room for below the first `fixed`, none longer than a line. */
function fit(lines: readonly string[], fixed: number, { rows, columns }: Screen): string[] {
  const room = Math.max(1, rows - 2);
  const below = lines.slice(fixed);
  const shown = [...lines.slice(0, fixed), ...below.slice(Math.max(0, below.length - (room - fixed)))];
  return shown.slice(0, room).map((line) => line.slice(0, columns));
}
