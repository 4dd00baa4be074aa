import { mariadbClient } from './mariadb-client.ts';
import { type MariaDbFacts, readFacts } from './mariadb-facts.ts';
import type { MethodPorts } from './method.ts';
import { SqlClients } from './sql-clients.ts';
import type { SqlPlace } from './sql-client.ts';

/** A server, the clients that are kept with it, and what it said of itself. */
export class MariaDbServer {
  readonly clients: SqlClients;
  readonly #isHeldByLockAlone: boolean;
  #facts: MariaDbFacts | undefined;

  constructor(place: SqlPlace, ports: MethodPorts, isHeldByLockAlone: boolean) {
    this.clients = new SqlClients(mariadbClient, place, ports);
    this.#isHeldByLockAlone = isHeldByLockAlone;
  }

  async facts(signal: AbortSignal): Promise<MariaDbFacts> {
    this.#facts ??= await readFacts(await this.clients.main(signal), signal);
    return this.#facts;
  }

  /** An atomic snapshot keeps InnoDB's acknowledged writes; nothing but a lock keeps the others whole. */
  async needsLock(signal: AbortSignal): Promise<boolean> {
    return this.#isHeldByLockAlone || (await this.facts(signal)).unsafeTables.size > 0;
  }

  async close(): Promise<void> {
    await this.clients.close();
  }
}
