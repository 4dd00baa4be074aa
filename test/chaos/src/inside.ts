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
  const { project, postgres, redisPassword } = stack;
  const auth = ['--env', `REDISCLI_AUTH=${redisPassword}`];
  const inContainer = (service: string, ...argv: string[]) =>
    inGuest(guest, ['docker', 'exec', ...auth, `${project}-${service}-1`, ...argv]);
  const sql = 'SELECT count(*) FROM writes';
  const rows = await inContainer(
    'db',
    'psql',
    '-qAtX',
    '-U',
    postgres.user,
    '-d',
    postgres.database,
    '-c',
    sql,
  );
  const calls = await inContainer('cache', 'redis-cli', 'INFO', 'commandstats');
  return { postgres: Number(rows), redis: Number(/^cmdstat_rpush:calls=(\d+)/m.exec(calls)?.[1] ?? 0) };
}

/** @throws Error with what it printed, where it fails. */
export async function inGuest(guest: Guest, argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} in guest ${guest.vmid}: ${stderr || stdout}`);
  return stdout.trim();
}
