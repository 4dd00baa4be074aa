import { missingOf } from './ack-log.ts';
import { stack } from './stack.ts';
import type { AckCollector, Guest, MissingWrites, WriteStream } from './types.ts';

type Runs = Map<string, Set<number>>;

/**
 * Looks in a restored guest's databases for every write that was acknowledged before the cut. Numbers are
 * compared run by run: the copy's own writer may already write, and its run is another one.
 *
 * `before` is the host's wall clock in ms at which the guest was frozen (or held); `guestAddress` is the
 * address of the guest that was backed up.
 * @throws Error when nothing was acknowledged (then nothing would be proven) or a database does not answer.
 */
export async function findMissingWrites(
  restored: Guest,
  collector: AckCollector,
  options: { before: number; guestAddress: string; runId?: string },
): Promise<MissingWrites[]> {
  const results: MissingWrites[] = [];
  for (const stream of ['postgres', 'redis'] as const) {
    const acknowledged = collector
      .acknowledged(stream, options)
      .filter(({ runId }) => options.runId === undefined || runId === options.runId);
    if (acknowledged.length === 0) throw new Error(`no acknowledged write of ${stream} to look for`);
    const runIds = [...new Set(acknowledged.map(({ runId }) => runId))];
    const present = await readRuns[stream](restored, runIds);
    results.push({ stream, acknowledged: acknowledged.length, missing: missingOf(acknowledged, present) });
  }
  return results;
}

const readRuns: Record<WriteStream, (guest: Guest, runIds: readonly string[]) => Promise<Runs>> = {
  async postgres(guest, runIds) {
    const list = runIds.map((runId) => `'${runId}'`).join(',');
    const sql = `SELECT run_id, seq FROM writes WHERE run_id IN (${list})`;
    const { user, database } = stack.postgres;
    const psql = ['psql', '--no-psqlrc', '-qAtX', '-F', ' ', '-U', user, '-d', database, '-c', sql];
    const runs: Runs = new Map();
    for (const line of await inContainer(guest, 'db', [], psql)) {
      const [runId = '', seq = ''] = line.split(' ');
      const numbers = runs.get(runId) ?? new Set();
      runs.set(runId, numbers.add(Number(seq)));
    }
    return runs;
  },
  async redis(guest, runIds) {
    const runs: Runs = new Map();
    const auth = ['--env', `REDISCLI_AUTH=${stack.redisPassword}`];
    for (const runId of runIds) {
      const lines = await inContainer(guest, 'cache', auth, [
        'redis-cli',
        'LRANGE',
        `writes:${runId}`,
        '0',
        '-1',
      ]);
      const numbers = lines.map(Number);
      if (numbers.some(Number.isNaN)) throw new Error(`redis of guest ${guest.vmid} says: ${lines[0]}`);
      runs.set(runId, new Set(numbers));
    }
    return runs;
  },
};

async function inContainer(
  guest: Guest,
  service: string,
  options: readonly string[],
  argv: readonly string[],
): Promise<string[]> {
  const container = `${stack.project}-${service}-1`;
  const result = await guest.exec(['docker', 'exec', ...options, container, ...argv], { timeoutMs: 120_000 });
  if (result.exitCode !== 0) {
    throw new Error(`${argv[0]} in ${container} of guest ${guest.vmid}: ${result.stderr || result.stdout}`);
  }
  return result.stdout.split('\n').filter(Boolean);
}
