import { engineOf } from '@tacet/core';
import { type Clock, describeError, runWithin } from '@tacet/runtime';
import type { DiscoveredService } from '../discovery/compose.ts';
import type { ExecRequest, ExecResult } from '../engine/engine.ts';
import type { ProbeCommands } from './probes/probe-commands.ts';

export interface DatabaseAnswer {
  stack: string;
  service: string;
  containerId: string;
  accepting: boolean;
  message: string;
}

interface Probe {
  request: ExecRequest;
  accepts: (result: ExecResult) => boolean;
}

const probeMs = 5_000;
/** A process in a container costs tens of milliseconds of CPU: a database that accepts is not asked each round. */
const goodForMs = 30_000;

/** Asks the databases, and remembers what they said. */
export class DatabaseProber {
  readonly #commands: ProbeCommands;
  readonly #clock: Clock;
  #answers: readonly DatabaseAnswer[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;
  #askedOf = '';

  constructor(commands: ProbeCommands, clock: Clock) {
    this.#commands = commands;
    this.#clock = clock;
  }

  /** The last answers: while a hold is on, asking would hang. */
  get known(): readonly DatabaseAnswer[] {
    return this.#answers;
  }

  /** Rejects only on abort; the answers of before then stay. */
  async ask(services: readonly DiscoveredService[], signal: AbortSignal): Promise<readonly DatabaseAnswer[]> {
    const databases = services.flatMap((service) => {
      const probe = service.container.state === 'running' ? probeFor(service) : undefined;
      return probe ? [{ service, probe }] : [];
    });
    const askedOf = databases.map(({ service }) => service.container.id).join(' ');
    const isFresh = this.#clock.monotonicMs() - this.#askedAt < goodForMs && askedOf === this.#askedOf;
    if (isFresh && this.#answers.every(({ accepting }) => accepting)) return this.#answers;
    const answers = await Promise.all(
      databases.map(({ service, probe }) => this.#probe(service, probe, signal)),
    );
    signal.throwIfAborted();
    this.#answers = answers;
    this.#askedOf = askedOf;
    this.#askedAt = this.#clock.monotonicMs();
    return answers;
  }

  async #probe(
    { stack, service, container }: DiscoveredService,
    { request, accepts }: Probe,
    signal: AbortSignal,
  ): Promise<DatabaseAnswer> {
    const of = { stack, service, containerId: container.id };
    try {
      const what = `asking ${stack}/${service}`;
      const result = await runWithin(
        signal,
        probeMs,
        what,
        (within) => this.#commands.exec(container.id, request, within),
        { clock: this.#clock },
      );
      // mariadb-admin rings a bell.
      const said = (result.stdout.trim() || result.stderr.trim())
        .replace(/\p{Cc}+/gu, ' ')
        .trim()
        .slice(0, 200);
      const message = said || `the client ended with ${result.exitCode}`;
      return { ...of, accepting: accepts(result), message };
    } catch (error) {
      return { ...of, accepting: false, message: describeError(error) };
    }
  }
}

function probeFor(service: DiscoveredService): Probe | undefined {
  const { image, env, command } = service.container;
  // By the image alone: however it is held, it is what it is.
  switch (engineOf({ image, programs: [], hasSqlite: false })?.method) {
    case 'postgres':
      return postgresProbe(env);
    case 'redis':
      return redisProbe(command);
    case 'mariadb':
    case 'mysql':
      return mysqlProbe;
    // A start of its client costs MongoDB a second of CPU, SQLite has no server, and of a label's commands
    // nobody knows what they ask.
    case 'mongodb':
    case 'sqlite':
    case 'exec':
    case undefined:
      return undefined;
  }
}

/** Debian and Bitnami keep it off the path. */
const pgIsReady = `
for bin in /usr/lib/postgresql/*/bin /opt/bitnami/postgresql/bin; do PATH="$PATH:$bin"; done
exec pg_isready "$@"
`;

/** `pg_isready` needs no password; a wrong user or database would only put a line into the server's log. */
function postgresProbe(env: readonly string[]): Probe {
  const user = valueOf(env, 'POSTGRES_USER') ?? 'postgres';
  const database = valueOf(env, 'POSTGRES_DB') ?? user;
  const options = ['--timeout=3', `--username=${user}`, `--dbname=${database}`];
  return {
    request: { argv: ['sh', '-c', pgIsReady, 'pg_isready', ...options] },
    accepts: ({ exitCode }) => exitCode === 0,
  };
}

/** A ping needs no password: who is refused by name has been heard (mysqladmin(1), `ping`). */
const mysqlProbe: Probe = {
  request: {
    argv: [
      'sh',
      '-c',
      'command -v mariadb-admin >/dev/null && exec mariadb-admin --connect-timeout=3 ping; exec mysqladmin --connect-timeout=3 ping',
    ],
  },
  accepts: ({ exitCode }) => exitCode === 0,
};

const redisPing = `
command -v redis-cli >/dev/null && exec redis-cli "$@"
exec valkey-cli "$@"
`;

/**
 * One that asks for a password (`NOAUTH`) is up, so none is needed here. One that still loads its data
 * answers `LOADING`.
 */
function redisProbe(command: readonly string[]): Probe {
  const port = / --port ["']?(\d+)/.exec(command.join(' '))?.[1];
  const options = port === undefined ? [] : ['-p', port];
  return {
    request: { argv: ['sh', '-c', redisPing, 'redis-cli', ...options, 'ping'] },
    accepts: ({ stdout }) => /^(\(error\) )?(PONG|NOAUTH)/m.test(stdout),
  };
}

function valueOf(env: readonly string[], name: string): string | undefined {
  const value = env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  return value === '' ? undefined : value;
}
