import type { RedisMarker } from '@tacet/protocol';
import type { RedisClient, RedisInfo } from './redis-client.ts';
import type { Persistence } from './redis-facts.ts';

const keyspace = /^keys=(\d+),expires=(\d+)/;

/** Two questions, which cost a server nothing. */
export async function readRedisMarker(
  client: RedisClient,
  persistence: Persistence,
  signal: AbortSignal,
): Promise<RedisMarker> {
  const info = new Map([
    ...(await client.info(signal, 'persistence')),
    ...(await client.info(signal, 'keyspace')),
  ]);
  return {
    engine: 'redis',
    persistence,
    appendOnlyBytes: persistence === 'append-only' ? appendOnlyBytes(info) : null,
    keys: keysIn(info),
  };
}

/** While it is written anew, or about to be, it will be shorter than it is. */
function appendOnlyBytes(info: RedisInfo): number | null {
  const isRewritten =
    info.get('aof_rewrite_in_progress') === '1' || info.get('aof_rewrite_scheduled') === '1';
  const bytes = info.get('aof_current_size');
  return isRewritten || bytes === undefined ? null : Number(bytes);
}

/** `db0:keys=42,expires=7,avg_ttl=…` */
function keysIn(info: RedisInfo): RedisMarker['keys'] {
  return Object.fromEntries(
    [...info].flatMap(([name, value]) => {
      const [, database] = /^db(\d+)$/.exec(name) ?? [];
      const [, all, expiring] = keyspace.exec(value) ?? [];
      return database === undefined || all === undefined
        ? []
        : [[database, { all: Number(all), expiring: Number(expiring) }]];
    }),
  );
}
