import { eventListSchema, type StoredEvent } from '@tacet/protocol';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { dateTimeOf } from '../print/moment.ts';

const WAIT_MS = 20_000;

/** The newest events; with `follow` also those to come, until Ctrl-C. In JSON one event a line. */
export async function showEvents(options: { follow?: boolean }, context: Context): Promise<ExitCode> {
  const { api, signal, json, print } = context;
  let query = 'limit=100';
  for (;;) {
    const { events, next } = await api.get(eventListSchema, `/events?${query}`, signal);
    for (const event of events) print(json ? JSON.stringify(event) : lineOf(event));
    if (options.follow !== true) return exitCodes.ok;
    query = `limit=100&after=${next}&waitMs=${WAIT_MS}`;
  }
}

function lineOf({ at, type, vmid, message }: StoredEvent): string {
  return `${dateTimeOf(at)}  ${String(vmid ?? '-').padEnd(6)}  ${type.padEnd(20)}  ${message}`;
}
