import { type Logger, TacetError } from '@tacet/runtime';
import type { RedisClient, RedisInfo } from './redis-client.ts';

/** `none`: a cache that is meant to start empty, and must not find a dump of ours. */
export type Persistence = 'append-only' | 'dump' | 'none';

export interface RedisFacts {
  /** `Valkey 8.1.1, append-only file`. */
  engine: string;
  persistence: Persistence;
  /** Foretold from what it has in memory, or from its last dump. */
  dumpMs: number;
  isReplica: boolean;
}

/** Per MiB in memory: 36 ms for 10 MB, 336 for 100, 1.9 s for 500 (measured with Redis 8). */
const dumpMsPerMebibyte = 3.8;

const keptAs: Readonly<Record<Persistence, string>> = {
  'append-only': 'append-only file',
  dump: 'dumps',
  none: 'nothing on disk',
};

/** @throws TacetError `prepare-failed` for a server that cannot be held in a way that could be proven. */
export async function readFacts(
  client: RedisClient,
  logger: Logger,
  signal: AbortSignal,
): Promise<RedisFacts> {
  const info = await client.info(signal);
  refuseTooOld(info);
  const persistence = await howKept(client, info, logger, signal);
  if (persistence === 'append-only') refuseUnwritable(info);
  return {
    engine: `${nameAndVersion(info)}, ${keptAs[persistence]}`,
    persistence,
    dumpMs: foretoldDumpMs(info),
    isReplica: info.get('role') === 'slave',
  };
}

function nameAndVersion(info: RedisInfo): string {
  const valkey = info.get('valkey_version');
  return valkey === undefined ? `Redis ${info.get('redis_version') ?? ''}`.trim() : `Valkey ${valkey}`;
}

function refuseTooOld(info: RedisInfo): void {
  const [major = 0, minor = 0] = (info.get('redis_version') ?? '').split('.').map(Number);
  if (major > 6 || (major === 6 && minor >= 2)) return;
  throw new TacetError(`${nameAndVersion(info)} cannot pause its writes: that came with 6.2`, {
    code: 'prepare-failed',
    hint: 'Label it tacet.method=freeze; without an append-only file the copy is then as old as its last dump.',
  });
}

function refuseUnwritable(info: RedisInfo): void {
  if ((info.get('aof_last_write_status') ?? 'ok') === 'ok') return;
  throw new TacetError('it could not write to its append-only file', {
    code: 'prepare-failed',
    hint: 'Is there room on its disk?',
  });
}

async function howKept(
  client: RedisClient,
  info: RedisInfo,
  logger: Logger,
  signal: AbortSignal,
): Promise<Persistence> {
  if (info.get('aof_enabled') === '1') return 'append-only';
  try {
    const [, schedule = ''] = await client.ask(['CONFIG GET save'], signal);
    return schedule === '' ? 'none' : 'dump';
  } catch (error) {
    signal.throwIfAborted();
    // CONFIG may be forbidden. A dump too many costs time, one too few costs data.
    logger.info('taken for one that keeps dumps', { error });
    return 'dump';
  }
}

function foretoldDumpMs(info: RedisInfo): number {
  const byMemoryMs = (Number(info.get('used_memory') ?? 0) / 1024 ** 2) * dumpMsPerMebibyte;
  // Whole seconds, and -1 where there was none.
  const last = Number(info.get('rdb_last_bgsave_time_sec') ?? -1);
  return last > 0 ? last * 1000 : byMemoryMs;
}
