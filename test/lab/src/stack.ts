import type { ExecResult, Guest } from './types.ts';

/** The stack under test, as it lies in every guest. */
export const stack = {
  project: 'shop',
  directory: '/opt/stacks/shop',
  services: ['db', 'cache', 'web', 'writer'],
  /** Services whose containers have no restart policy: nothing but heal brings them back after a restore. */
  withoutRestartPolicy: ['web', 'writer'],
  /** Database user and name of `db`, the password of `cache`. */
  postgres: { user: 'shop', database: 'shop' },
  redisPassword: 'staple-correct',
} as const;

/** `docker compose up`: resolves when all services run and those with a health check are healthy. */
export async function startStack(guest: Guest, signal?: AbortSignal): Promise<void> {
  const up = await compose(guest, ['up', '--detach', '--wait', '--wait-timeout', '120'], signal);
  if (up.exitCode !== 0) throw new Error(`the stack of guest ${guest.vmid} did not come up\n${up.stderr}`);
}

export function compose(guest: Guest, args: readonly string[], signal?: AbortSignal): Promise<ExecResult> {
  const argv = ['docker', 'compose', '--project-directory', stack.directory, ...args];
  return guest.exec(argv, { timeoutMs: 180_000, ...(signal && { signal }) });
}

/** State of each service's container by the engine's own words, e.g. `{ db: 'running', web: 'exited' }`. */
export async function containerStates(guest: Guest): Promise<Record<string, string>> {
  const format = '{{.Label "com.docker.compose.service"}} {{.State}}';
  const filter = `label=com.docker.compose.project=${stack.project}`;
  const listed = await guest.exec(['docker', 'ps', '--all', '--filter', filter, '--format', format]);
  if (listed.exitCode !== 0) throw new Error(`the engine of guest ${guest.vmid} says: ${listed.stderr}`);
  const pairs = listed.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '));
  return Object.fromEntries(pairs.map(([service = '', state = '']) => [service, state]));
}
