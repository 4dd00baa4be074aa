import type { DataMarker, ServiceLabels } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import type {
  Discovery,
  EngineMethod,
  Flush,
  Inspection,
  InspectionBudget,
  MethodPorts,
  MethodTarget,
} from './method.ts';
import { psql } from './postgres-client.ts';
import { type PostgresFacts, readFacts, readWritten, type Written } from './postgres-facts.ts';
import { inspectPostgres, readPostgresMarker } from './postgres-marker.ts';
import { SqlClients } from './sql-clients.ts';
import { type SqlClient, SqlRefusal } from './sql-client.ts';

/** A checkpoint that took longer left much behind for the next one to write. */
const longCheckpointMs = 2_000;

/** The server publishes its counters a moment after the checkpoint has ended (seen with 17). */
const countersMs = 500;
const pollMs = 10;

const insufficientPrivilege = '42501';

/**
 * PostgreSQL needs no lock: an atomic snapshot keeps every acknowledged write, because its WAL is on disk before
 * the acknowledgement (docs/adr/0003). The checkpoint makes the recovery of a restored copy quick.
 */
export class PostgresMethod implements EngineMethod {
  readonly lock = undefined;
  readonly #target: MethodTarget;
  readonly #ports: MethodPorts;
  readonly #clients: SqlClients;
  #facts: PostgresFacts | undefined;
  #visiting: SqlClient | undefined;

  constructor(target: MethodTarget, ports: MethodPorts, _labels: ServiceLabels) {
    this.#target = target;
    this.#ports = ports;
    this.#clients = new SqlClients(psql, { containerId: target.container.id, cgroup: target.cgroup }, ports);
  }

  async discover(signal: AbortSignal): Promise<Discovery> {
    const { engine, notes } = await this.#look(signal);
    return { engine, predictedHoldMs: null, notes };
  }

  async prepare(signal: AbortSignal): Promise<Flush> {
    const { clock } = this.#ports;
    const facts = await this.#look(signal);
    await this.#clients.openProbe(signal);
    const client = await this.#clients.main(signal);
    const before = await readWritten(client, facts, signal);
    let startedAt = clock.now();
    const startedMs = clock.monotonicMs();
    await checkpoint(client, signal);
    if (clock.monotonicMs() - startedMs > longCheckpointMs) {
      startedAt = clock.now();
      await checkpoint(client, signal);
    }
    return {
      bytesFlushed: before ? await this.#bytesSince(before, client, facts, signal) : null,
      predictedHoldMs: null,
      // A checkpoint writes out the WAL of everything that was acknowledged before it.
      behindSince: facts.isLazy ? Math.round(startedAt) : null,
    };
  }

  async marker(signal: AbortSignal, of?: DataMarker): Promise<DataMarker | undefined> {
    const before = of?.engine === 'postgres' ? of : undefined;
    try {
      return await readPostgresMarker(await this.#visitor(signal), before, signal);
    } finally {
      // Whoever stays in a database keeps others from dropping it.
      if (!of) await this.#endVisit();
    }
  }

  async inspect({ ms, depth }: InspectionBudget, signal: AbortSignal): Promise<Inspection> {
    const { clock } = this.#ports;
    const endsAt = clock.monotonicMs() + ms;
    const isInTime = (): boolean => depth === 'deep' && clock.monotonicMs() < endsAt;
    return await inspectPostgres(await this.#visitor(signal), isInTime, signal);
  }

  get probe(): ((signal: AbortSignal) => Promise<void>) | undefined {
    return this.#clients.probe;
  }

  async close(): Promise<void> {
    await this.#clients.close();
    await this.#endVisit();
  }

  async #endVisit(): Promise<void> {
    const visiting = this.#visiting;
    this.#visiting = undefined;
    await visiting?.[Symbol.asyncDispose]();
  }

  /** Goes from one database to the next, so that it is of no use for anything else. */
  async #visitor(signal: AbortSignal): Promise<SqlClient> {
    if (!this.#visiting?.isUsable) this.#visiting = await this.#clients.another(signal);
    return this.#visiting;
  }

  async #look(signal: AbortSignal): Promise<PostgresFacts> {
    this.#facts ??= await readFacts(await this.#clients.main(signal), this.#target.container, signal);
    return this.#facts;
  }

  /** Null where the counters do not say: a standby makes restartpoints, which are counted apart. */
  async #bytesSince(
    before: Written,
    client: SqlClient,
    facts: PostgresFacts,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { clock } = this.#ports;
    const startedMs = clock.monotonicMs();
    while (clock.monotonicMs() - startedMs < countersMs) {
      const now = await readWritten(client, facts, signal);
      if (!now) return null;
      if (now.checkpoints > before.checkpoints) return (now.blocks - before.blocks) * facts.blockBytes;
      await clock.sleep(pollMs, signal);
    }
    return null;
  }
}

async function checkpoint(client: SqlClient, signal: AbortSignal): Promise<void> {
  try {
    await client.ask('CHECKPOINT;', signal);
  } catch (error) {
    if (!(error instanceof SqlRefusal) || error.sqlCode !== insufficientPrivilege) throw error;
    throw new TacetError('its role may not make a checkpoint', {
      code: 'prepare-failed',
      hint: 'GRANT pg_checkpoint TO the role of POSTGRES_USER (15 and later), or make it a superuser.',
      cause: error,
    });
  }
}
