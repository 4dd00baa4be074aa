import {
  channelInputSchema,
  channelListSchema,
  channelTestSchema,
  channelViewSchema,
  deliveryListSchema,
} from '@tacet/protocol';
import { requireValid } from '../arguments.ts';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { readJsonObject } from '../json-file.ts';
import { channelLines, channelTable, deliveryTable } from '../print/notification.ts';

const hint = 'docs/guides/notifications.md shows one of each kind.';

export async function listChannels(context: Context): Promise<ExitCode> {
  const list = await context.api.get(channelListSchema, '/notifications', context.signal);
  if (context.json) printJson(context, list);
  else channelTable(list.channels).forEach(context.print);
  return exitCodes.ok;
}

export async function showChannel(name: string, context: Context): Promise<ExitCode> {
  const { api, signal } = context;
  const view = await api.get(channelViewSchema, pathOf(name), signal);
  const { deliveries } = await api.get(deliveryListSchema, `${pathOf(name)}/deliveries?limit=20`, signal);
  if (context.json) printJson(context, { ...view, deliveries });
  else [...channelLines(view), '', ...deliveryTable(deliveries)].forEach(context.print);
  return exitCodes.ok;
}

export async function setChannel(name: string, file: string, context: Context): Promise<ExitCode> {
  const body = await readJsonObject(file, 'a channel', hint);
  requireValid(channelInputSchema, body, `the channel in ${file}`);
  const view = await context.api.put(channelViewSchema, pathOf(name), body, context.signal);
  if (context.json) printJson(context, view);
  else channelLines(view).forEach(context.print);
  context.note(`Try it: tacet notifications test ${name}`);
  return exitCodes.ok;
}

/** @returns `failed` where it was not delivered. */
export async function testChannel(name: string, context: Context): Promise<ExitCode> {
  const { api, signal } = context;
  const result = await api.post(channelTestSchema, `${pathOf(name)}/test`, {}, signal);
  const { delivered, message, tookMs } = result;
  if (context.json) printJson(context, result);
  else context.print(`${delivered ? 'Delivered' : 'Not delivered'} after ${tookMs} ms: ${message}`);
  return delivered ? exitCodes.ok : exitCodes.failed;
}

export async function deleteChannel(name: string, context: Context): Promise<ExitCode> {
  await context.api.delete(pathOf(name), context.signal);
  context.note(`The channel ${name} is gone, with what was to be sent through it.`);
  return exitCodes.ok;
}

function pathOf(name: string): string {
  return `/notifications/${encodeURIComponent(name)}`;
}
