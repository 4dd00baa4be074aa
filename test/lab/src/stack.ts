import { stacks } from './stacks.ts';
import type { ExecResult, Guest, StackName } from './types.ts';

/** The stack `shop`, with what its databases are reached by. */
export const stack = {
  ...stacks.shop,
  postgres: { user: stacks.shop.streams.postgres.user, database: stacks.shop.streams.postgres.database },
  redisPassword: stacks.shop.streams.redis.password,
} as const;

/** `docker compose up`: resolves when all services run and those with a health check are healthy. */
export async function startStack(
  guest: Guest,
  signal?: AbortSignal,
  name: StackName = 'shop',
): Promise<void> {
  await up(guest, name, [], signal);
}

/**
 * Of a stack that was up before, only what serves data: nothing writes by itself, so that a restored guest
 * stays as it was restored while somebody looks into its databases.
 */
export async function startDatabases(
  guest: Guest,
  signal?: AbortSignal,
  name: StackName = 'shop',
): Promise<void> {
  await up(guest, name, ['--no-deps', '--no-recreate', ...stacks[name].databases], signal);
}

async function up(
  guest: Guest,
  name: StackName,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const wait = ['up', '--detach', '--wait', '--wait-timeout', '120'];
  const result = await compose(guest, [...wait, ...args], signal, name);
  if (result.exitCode === 0) return;
  throw new Error(`the stack ${name} of guest ${guest.vmid} did not come up\n${result.stderr}`);
}

export function compose(
  guest: Guest,
  args: readonly string[],
  signal?: AbortSignal,
  name: StackName = 'shop',
): Promise<ExecResult> {
  const argv = ['docker', 'compose', '--project-directory', stacks[name].directory, ...args];
  return guest.exec(argv, { timeoutMs: 180_000, ...(signal && { signal }) });
}

/** State of each service's container by the engine's own words, e.g. `{ db: 'running', web: 'exited' }`. */
export async function containerStates(
  guest: Guest,
  name: StackName = 'shop',
): Promise<Record<string, string>> {
  const format = '{{.Label "com.docker.compose.service"}} {{.State}}';
  const filter = `label=com.docker.compose.project=${stacks[name].project}`;
  const listed = await guest.exec(['docker', 'ps', '--all', '--filter', filter, '--format', format]);
  if (listed.exitCode !== 0) throw new Error(`the engine of guest ${guest.vmid} says: ${listed.stderr}`);
  const pairs = listed.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '));
  return Object.fromEntries(pairs.map(([service = '', state = '']) => [service, state]));
}
