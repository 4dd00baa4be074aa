import { type QuiesceRecord, quiesceRecordSchema } from '@tacet/agent/src/journal/schemas.ts';
import { type Guest, stack } from '@tacet/lab';

// What a guest shows to somebody who sits in it: independent of its agent's word, and of its network.

export const journalPath = '/var/lib/tacet/journal';

export async function journalOf(guest: Guest): Promise<QuiesceRecord> {
  return quiesceRecordSchema.parse(
    JSON.parse((await guest.readFile(`${journalPath}/quiesce.json`)).toString()),
  );
}

/** Of each container's cgroup that is frozen, its path. */
export async function frozenContainers(guest: Guest): Promise<string[]> {
  const listing = 'grep -l 1 /sys/fs/cgroup/system.slice/docker-*.scope/cgroup.freeze || true';
  return (await inGuest(guest, ['sh', '-c', listing])).split('\n').filter(Boolean);
}

export interface WriteCounters {
  postgres: number;
  redis: number;
}

/** How much the databases say was written, for a guest that nobody outside can hear. */
export async function writeCounters(guest: Guest): Promise<WriteCounters> {
  const { user, database } = stack.postgres;
  const sql = 'SELECT count(*) FROM writes';
  const rows = await inContainer(guest, 'db', 'psql', '-qAtX', '-U', user, '-d', database, '-c', sql);
  const calls = await inContainer(guest, 'cache', 'redis-cli', 'INFO', 'commandstats');
  return { postgres: Number(rows), redis: Number(/^cmdstat_rpush:calls=(\d+)/m.exec(calls)?.[1] ?? 0) };
}

/** Milliseconds from that moment until PostgreSQL began its next write, by the clock that host and guests share. */
export async function nextWriteAfter(guest: Guest, sinceMs: number): Promise<number> {
  const { user, database } = stack.postgres;
  const sql = `SELECT round(extract(epoch FROM min(at)) * 1000) FROM writes WHERE at > to_timestamp(${sinceMs / 1000})`;
  return (
    Number(await inContainer(guest, 'db', 'psql', '-qAtX', '-U', user, '-d', database, '-c', sql)) - sinceMs
  );
}

/** The engine refuses this for a container that is paused or frozen. */
export async function inContainer(guest: Guest, service: string, ...argv: string[]): Promise<string> {
  const auth = ['--env', `REDISCLI_AUTH=${stack.redisPassword}`];
  return await inGuest(guest, ['docker', 'exec', ...auth, `${stack.project}-${service}-1`, ...argv]);
}

/** @throws Error with what it printed, where it fails. */
export async function inGuest(guest: Guest, argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} in guest ${guest.vmid}: ${stderr || stdout}`);
  return stdout.trim();
}

/** For the reader of a test that failed. */
export async function agentLog(guest: Guest): Promise<string> {
  const lines = await inGuest(guest, ['journalctl', '--unit=tacet-agent', '--lines=60', '--output=cat']);
  return `--- the agent of guest ${guest.vmid}\n${lines}\n`;
}
