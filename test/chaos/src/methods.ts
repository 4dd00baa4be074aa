import { type Guest, stack, startStack } from '@tacet/lab';
import type { MethodName } from '@tacet/protocol';
import { inContainer } from './inside.ts';
import { until } from './until.ts';

const overrideFile = `${stack.directory}/compose.override.yaml`;
/** Labels every service, as an operator would, and makes the stack anew with that. */
export async function holdEverythingBy(guest: Guest, method: MethodName): Promise<void> {
  // Docker gives an empty volume to whoever owns its path in the image, here root, when another container of
  // that image is created: the Redis that still runs could not write its dump at its end.
  await redisCli(guest, 'SAVE');
  const appendOnly = await keepsAppendOnlyFile(guest);
  const services = stack.services.map((service) => {
    const command = service === 'cache' && appendOnly ? { command: appendOnlyCommand } : {};
    return [service, { labels: { 'tacet.method': method }, ...command }];
  });
  await guest.writeFile(overrideFile, JSON.stringify({ services: Object.fromEntries(services) }, null, 2));
  await startStack(guest);
}

const appendOnlyCommand = ['redis-server', '--requirepass', '${REDIS_PASSWORD}', '--appendonly', 'yes'];

async function keepsAppendOnlyFile(guest: Guest): Promise<boolean> {
  return (await redisCli(guest, 'CONFIG', 'GET', 'appendonly')).endsWith('yes');
}

/**
 * What is only stopped in its tracks (`pause`, `freeze`) is flushed by nobody. With an append-only file Redis
 * has every acknowledged write in its files all the same; with dumps alone it has those of the last dump.
 */
export async function keepAppendOnlyFile(guest: Guest): Promise<void> {
  // At run time first: a Redis that starts with it, and finds a dump only, starts empty.
  await redisCli(guest, 'CONFIG', 'SET', 'appendonly', 'yes');
  await until('redis has written its append-only file', 60_000, async () => {
    const info = await redisCli(guest, 'INFO', 'persistence');
    return (/^aof_rewrite_in_progress:0/m.test(info) && /^aof_rewrite_scheduled:0/m.test(info)) || undefined;
  });
}

async function redisCli(guest: Guest, ...argv: string[]): Promise<string> {
  return await inContainer(guest, 'cache', 'redis-cli', ...argv);
}
