import type { DataMarker, ServiceLabels } from '@tacet/protocol';
import type { HoldRecord } from '../journal/schemas.ts';
import type { MariaDbFacts } from './mariadb-facts.ts';
import { lockWaitMs, MariaDbLock } from './mariadb-lock.ts';
import { inspectMariaDb, readMariaDbMarker } from './mariadb-marker.ts';
import { MariaDbServer } from './mariadb-server.ts';
import { longestStatement } from './mariadb-statements.ts';
import type {
  Discovery,
  EngineMethod,
  Flush,
  Inspection,
  InspectionBudget,
  MethodPorts,
  MethodTarget,
  ServiceHold,
} from './method.ts';

/** What the lock takes where nothing is in its way (3–15 ms with MariaDB 11.8). */
const freeLockMs = 15;

/** A statement that has run this long is not expected to end in time. */
const longStatementSeconds = 1;

/**
 * MariaDB, and MySQL. MariaDB 10.4 and later is held by `BACKUP STAGE`, which waits for no transaction and
 * blocks every commit. Older ones and MySQL have `FLUSH TABLES WITH READ LOCK` alone, which waits for every
 * running statement: it is taken only where something depends on it.
 */
export class MariaDbMethod implements EngineMethod {
  readonly lock: ServiceHold;
  readonly #ports: MethodPorts;
  readonly #server: MariaDbServer;
  readonly #product: 'mariadb' | 'mysql';

  constructor(
    target: MethodTarget,
    ports: MethodPorts,
    labels: ServiceLabels,
    method: 'mariadb' | 'mysql' = 'mariadb',
  ) {
    const { stack, service, container, cgroup } = target;
    const record: HoldRecord = { stack, service, containerId: container.id, action: 'lock', method, cgroup };
    this.#ports = ports;
    this.#product = method;
    this.#server = new MariaDbServer(record, ports, labels['tacet.policy'] === 'flush');
    this.lock = new MariaDbLock(record, ports, this.#server);
  }

  async discover(signal: AbortSignal): Promise<Discovery> {
    const facts = await this.#server.facts(signal);
    const notes = [...facts.notes];
    if ((await this.#missingMs(facts, signal)) !== null) {
      notes.push('innodb_flush_log_at_trx_commit is 0: what it acknowledged last may be missing');
    }
    return { engine: facts.engine, predictedHoldMs: await this.#predictHold(facts, signal), notes };
  }

  async prepare(signal: AbortSignal): Promise<Flush> {
    const facts = await this.#server.facts(signal);
    await this.#server.clients.openProbe(signal);
    const client = await this.#server.clients.main(signal);
    if (facts.way === 'backup-stages' && facts.unsafeTables.size > 0) {
      // LOCAL: replicas need not do it too. Waits for nobody, unlike MySQL's.
      const seconds = lockWaitMs / 1_000;
      await client.ask(
        `SET SESSION lock_wait_timeout = ${seconds}, max_statement_time = ${seconds};`,
        signal,
      );
      await client.ask('FLUSH LOCAL TABLES;', signal);
      await client.ask('SET SESSION max_statement_time = 0;', signal);
    }
    const missingMs = await this.#missingMs(facts, signal);
    return {
      bytesFlushed: null,
      predictedHoldMs: await this.#predictHold(facts, signal),
      behindSince: missingMs === null ? null : Math.round(this.#ports.clock.now() - missingMs),
    };
  }

  async marker(signal: AbortSignal, of?: DataMarker): Promise<DataMarker> {
    const client = await this.#server.clients.main(signal);
    return await readMariaDbMarker(client, this.#product, of ? 'now' : 'durable', signal);
  }

  async inspect({ ms, depth }: InspectionBudget, signal: AbortSignal): Promise<Inspection> {
    const { clock } = this.#ports;
    const endsAt = clock.monotonicMs() + ms;
    const client = await this.#server.clients.main(signal);
    return await inspectMariaDb(client, depth, () => clock.monotonicMs() < endsAt, signal);
  }

  get probe(): ((signal: AbortSignal) => Promise<void>) | undefined {
    return this.#server.clients.probe;
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  async #stopsCommits({ way }: MariaDbFacts, signal: AbortSignal): Promise<boolean> {
    return way === 'backup-stages' || (way === 'read-lock' && (await this.#server.needsLock(signal)));
  }

  /** Of the last commits. Where they stand still, the hold writes out the log itself. */
  async #missingMs(facts: MariaDbFacts, signal: AbortSignal): Promise<number | null> {
    return (await this.#stopsCommits(facts, signal)) ? null : facts.lazyMs;
  }

  async #predictHold(facts: MariaDbFacts, signal: AbortSignal): Promise<number> {
    if (!(await this.#stopsCommits(facts, signal))) return 0;
    // The stages wait for nothing but statements on tables without transactions.
    if (facts.way === 'backup-stages' && facts.unsafeTables.size === 0) return freeLockMs;
    const client = await this.#server.clients.main(signal);
    const longest = await longestStatement(client, { withReads: facts.way === 'read-lock' }, signal);
    return longest && longest.seconds >= longStatementSeconds ? lockWaitMs : freeLockMs;
  }
}

/** A lock is its client's: once that is gone, nothing is left to thaw. */
export function inheritedMariaDbLock(
  record: HoldRecord,
  ports: MethodPorts,
  _leaseExpiresAt: number,
): ServiceHold {
  return new MariaDbLock(record, ports, new MariaDbServer(record, ports, false));
}
