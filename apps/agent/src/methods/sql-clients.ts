import type { MethodPorts } from './method.ts';
import { SqlClient, type SqlClientKind, type SqlPlace } from './sql-client.ts';

/** The two that a method keeps: one to work with, and one for the probe, which must be able to hang alone. */
export class SqlClients {
  readonly #open: (signal: AbortSignal) => Promise<SqlClient>;
  #main: SqlClient | undefined;
  #probe: SqlClient | undefined;

  constructor(kind: SqlClientKind, place: SqlPlace, ports: MethodPorts) {
    this.#open = (signal) => SqlClient.open(kind, place, ports, signal);
  }

  /** Opened where there is none, or the last one was lost. */
  async main(signal: AbortSignal): Promise<SqlClient> {
    if (!this.#main?.isUsable) this.#main = await this.#open(signal);
    return this.#main;
  }

  /** The one that was opened, while its session lives. */
  get kept(): SqlClient | undefined {
    return this.#main?.isUsable ? this.#main : undefined;
  }

  /** One more, for work that leaves its session changed; its end is the caller's. */
  async another(signal: AbortSignal): Promise<SqlClient> {
    return await this.#open(signal);
  }

  async openProbe(signal: AbortSignal): Promise<void> {
    if (!this.#probe?.isUsable) this.#probe = await this.#open(signal);
  }

  /** As the contract of a method has it. */
  get probe(): ((signal: AbortSignal) => Promise<void>) | undefined {
    const client = this.#probe;
    if (!client?.isUsable) return undefined;
    return async (signal) => void (await client.ask('SELECT 1;', signal));
  }

  async close(): Promise<void> {
    const clients = [this.#main, this.#probe];
    this.#main = undefined;
    this.#probe = undefined;
    for (const client of clients) await client?.[Symbol.asyncDispose]();
  }
}
