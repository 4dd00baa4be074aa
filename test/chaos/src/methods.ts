import { type Guest, stack, startStack } from '@tacet/lab';
import type { MethodName } from '@tacet/protocol';
import { inGuest } from './inside.ts';
import { until } from './until.ts';

const overrideFile = `${stack.directory}/compose.override.yaml`;
const redisCli = [
  ...['docker', 'exec', '--env', `REDISCLI_AUTH=${stack.redisPassword}`],
  ...[`${stack.project}-cache-1`, 'redis-cli'],
];

/** Labels every service, as an operator would, and makes the stack anew with that. */
export async function holdEverythingBy(guest: Guest, method: MethodName): Promise<void> {
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
  return (await inGuest(guest, [...redisCli, 'CONFIG', 'GET', 'appendonly'])).endsWith('yes');
}

/**
 * What is only stopped in its tracks (`pause`, `freeze`) is flushed by nobody. With an append-only file Redis
 * has every acknowledged write in its files all the same; with dumps alone it has those of the last dump.
 */
export async function keepAppendOnlyFile(guest: Guest): Promise<void> {
  // At run time first: a Redis that starts with it, and finds a dump only, starts empty.
  await inGuest(guest, [...redisCli, 'CONFIG', 'SET', 'appendonly', 'yes']);
  await until('redis has written its append-only file', 60_000, async () => {
    const info = await inGuest(guest, [...redisCli, 'INFO', 'persistence']);
    return (/^aof_rewrite_in_progress:0/m.test(info) && /^aof_rewrite_scheduled:0/m.test(info)) || undefined;
  });
}
