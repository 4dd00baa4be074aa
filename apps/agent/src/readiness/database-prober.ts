import { planQuiesce } from '@tacet/core';
import { type Clock, describeError, runWithin } from '@tacet/runtime';
import { type DiscoveredService, plannable } from '../discovery/compose.ts';
import type { Engine, ExecRequest, ExecResult } from '../engine/engine.ts';

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
  readonly #engine: Engine;
  readonly #clock: Clock;
  #answers: readonly DatabaseAnswer[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;
  #askedOf = '';

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
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
        (within) => this.#engine.exec(container.id, request, within),
        { clock: this.#clock },
      );
      const said = (result.stdout.trim() || result.stderr.trim()).slice(0, 200);
      const message = said || `the client ended with ${result.exitCode}`;
      return { ...of, accepting: accepts(result), message };
    } catch (error) {
      return { ...of, accepting: false, message: describeError(error) };
    }
  }
}

function probeFor(service: DiscoveredService): Probe | undefined {
  switch (databaseKind(service)) {
    case 'postgres':
      return postgresProbe(service.container.env);
    case 'redis':
      return redisProbe(service.container.command);
    case undefined:
      return undefined;
  }
}

/** As the label says; where that names a generic hold (`freeze`), the image still says what it is. */
function databaseKind(service: DiscoveredService): 'postgres' | 'redis' | undefined {
  for (const candidate of plannable([service]).flatMap((one) => [one, { ...one, labels: {} }])) {
    const method = planQuiesce([candidate]).waves[0]?.[0]?.method;
    if (method === 'postgres' || method === 'redis') return method;
  }
  return undefined;
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
