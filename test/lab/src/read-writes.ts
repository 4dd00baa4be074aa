import { containerOf, type StreamPlace, volumePath } from './stacks.ts';
import type { Guest, StackName } from './types.ts';

/** Numbers that a database has, by run. */
export type Runs = Map<string, Set<number>>;

/** Asks a stream's database in a guest for everything that these runs wrote. @throws Error where it does not answer. */
export async function readWrites(
  guest: Guest,
  name: StackName,
  place: StreamPlace,
  runIds: readonly string[],
): Promise<Runs> {
  if (place.engine === 'redis') return readLists(guest, name, place, runIds);
  const list = runIds.map((runId) => `'${runId}'`).join(',');
  const table = place.engine === 'mariadb' ? `writes_${place.tables}` : 'writes';
  const lines = await runSql(
    guest,
    name,
    place,
    `SELECT run_id, seq FROM ${table} WHERE run_id IN (${list})`,
  );
  const runs: Runs = new Map();
  for (const line of lines) {
    const [runId = '', seq = ''] = line.split(/[\t|]/);
    const numbers = runs.get(runId) ?? new Set();
    runs.set(runId, numbers.add(Number(seq)));
  }
  return runs;
}

/** The lines of what a statement returns, columns separated by `|` or a tab. */
export async function runSql(
  guest: Guest,
  name: StackName,
  place: Exclude<StreamPlace, { engine: 'redis' }>,
  sql: string,
): Promise<string[]> {
  const container = containerOf(name, place.service);
  switch (place.engine) {
    case 'postgres': {
      const psql = ['psql', '--no-psqlrc', '-qAtX', '-U', place.user, '-d', place.database, '-c', sql];
      return linesOf(guest, ['docker', 'exec', container, ...psql]);
    }
    case 'mariadb': {
      const exec = ['docker', 'exec', '--env', `MYSQL_PWD=${place.password}`, container];
      const client = ['mariadb', '--user', 'root', '--batch', '--skip-column-names', 'app'];
      return linesOf(guest, [...exec, ...client, '--execute', sql]);
    }
    case 'sqlite': {
      const file = volumePath(name, place.volume, place.file);
      return linesOf(guest, ['sqlite3', '-batch', '-cmd', '.timeout 10000', file, sql]);
    }
  }
}

export async function runRedis(
  guest: Guest,
  name: StackName,
  place: Extract<StreamPlace, { engine: 'redis' }>,
  command: readonly string[],
): Promise<string[]> {
  const exec = ['docker', 'exec', '--env', `REDISCLI_AUTH=${place.password}`];
  const client = `${place.flavour}-cli`;
  return linesOf(guest, [...exec, containerOf(name, place.service), client, ...command]);
}

async function readLists(
  guest: Guest,
  name: StackName,
  place: Extract<StreamPlace, { engine: 'redis' }>,
  runIds: readonly string[],
): Promise<Runs> {
  const runs: Runs = new Map();
  for (const runId of runIds) {
    const lines = await runRedis(guest, name, place, ['LRANGE', `writes:${runId}`, '0', '-1']);
    const numbers = lines.map(Number);
    if (numbers.some(Number.isNaN)) {
      throw new Error(`${place.service} of guest ${guest.vmid} says: ${lines[0]}`);
    }
    runs.set(runId, new Set(numbers));
  }
  return runs;
}

async function linesOf(guest: Guest, argv: readonly string[]): Promise<string[]> {
  const result = await guest.exec(argv, { timeoutMs: 120_000 });
  if (result.exitCode !== 0) {
    throw new Error(`a database of guest ${guest.vmid} says: ${result.stderr || result.stdout}`);
  }
  return result.stdout.split('\n').filter(Boolean);
}
