import { eventListSchema, eventTypeSchema, type StoredEvent } from '@tacet/protocol';
import { InvalidArgumentError, type Option } from 'commander';
import { dateMs, oneOf, spanMs } from '../arguments.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { liveEvents } from '../live-events.ts';
import { dateTimeOf } from '../print/moment.ts';

export interface EventOptions {
  readonly follow?: boolean;
  readonly vmid?: number;
  readonly type?: string;
  readonly since?: Since;
  readonly limit: number;
}

type Since = { readonly agoMs: number } | { readonly at: number };

/** As many as the controller gives at once. */
const PAGE = 1_000;

export function eventTypeOption(): Option {
  return oneOf('--type <type>', 'only of this type', eventTypeSchema.options);
}

export function parseSince(text: string): Since {
  const agoMs = spanMs(text);
  if (agoMs !== undefined) return { agoMs };
  const at = dateMs(text);
  if (at !== undefined) return { at };
  throw new InvalidArgumentError('It is 45s, 30m, 2h, 7d, or a date as 2026-11-22 or 2026-11-22T18:00.');
}

/** The newest events; with `follow` also those to come, until Ctrl-C. In JSON one event a line. */
export async function showEvents(options: EventOptions, context: Context): Promise<ExitCode> {
  const isWanted = wish(options, context);
  const { events, newest } = await lastEvents(isWanted, options, context);
  for (const event of events) printEvent(event, context);
  if (options.follow !== true) return exitCodes.ok;
  for await (const event of liveEvents(newest, context)) {
    if (isWanted(event)) printEvent(event, context);
  }
  return exitCodes.ok;
}

export function printEvent(event: StoredEvent, { json, print }: Context): void {
  print(json ? JSON.stringify(event) : eventLine(event));
}

export function eventLine({ at, type, vmid, message }: StoredEvent): string {
  return `${dateTimeOf(at)}  ${String(vmid ?? '-').padEnd(6)}  ${type.padEnd(20)}  ${message}`;
}

type Filter = (event: StoredEvent) => boolean;

function wish({ vmid, type, since }: EventOptions, { clock }: Context): Filter {
  const from = sinceMs(since, clock.now());
  return (event) =>
    (vmid === undefined || event.vmid === vmid) &&
    (type === undefined || event.type === type) &&
    event.at >= from;
}

function sinceMs(since: Since | undefined, now: number): number {
  if (since === undefined) return -Infinity;
  return 'at' in since ? since.at : now - since.agoMs;
}

/** Reads back page by page until there are enough. What comes late was not before: times are not in order. */
async function lastEvents(
  isWanted: Filter,
  { limit, vmid, type, since }: EventOptions,
  { api, signal }: Context,
): Promise<{ events: StoredEvent[]; newest: number }> {
  const isFiltered = vmid !== undefined || type !== undefined || since !== undefined;
  const size = isFiltered ? PAGE : Math.min(PAGE, limit);
  let { events: page, next: newest } = await api.get(eventListSchema, `/events?limit=${size}`, signal);
  let events = page.filter(isWanted);
  for (
    let first = page[0]?.sequence ?? 1;
    first > 1 && events.length < limit;
    first = page[0]?.sequence ?? 1
  ) {
    const after = Math.max(0, first - 1 - PAGE);
    const before = await api.get(
      eventListSchema,
      `/events?after=${after}&limit=${first - 1 - after}`,
      signal,
    );
    page = before.events.filter(({ sequence }) => sequence < first);
    events = [...page.filter(isWanted), ...events];
  }
  return { events: events.slice(-limit), newest };
}
