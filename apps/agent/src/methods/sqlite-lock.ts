import { TacetError } from '@tacet/runtime';
import type { HoldRecord } from '../journal/schemas.ts';
import type { ServiceHold } from './method.ts';
import type { SqliteClient } from './sqlite-client.ts';

/** For an application's transaction that is under way; readers need not end. */
const busyMs = 5_000;

interface Lockable {
  name: string;
  client: SqliteClient;
}

/**
 * `BEGIN IMMEDIATE` in every database: readers go on, writers wait for as long as they have told SQLite to
 * (`busy_timeout`), and fail with `database is locked` after that, which is at once for those that told it
 * nothing.
 */
export class SqliteLock implements ServiceHold {
  readonly record: HoldRecord;
  readonly #databases: (signal: AbortSignal) => Promise<Lockable[]>;
  #locked: Lockable[] = [];

  constructor(record: HoldRecord, databases: (signal: AbortSignal) => Promise<Lockable[]>) {
    this.record = record;
    this.#databases = databases;
  }

  async hold(_leaseMs: number, signal: AbortSignal): Promise<void> {
    const databases = await this.#databases(signal);
    this.#locked = databases;
    await Promise.all(
      databases.map(async ({ name, client }) => {
        try {
          if (await isInTransaction(client, signal)) return;
          await client.ask(`.timeout ${busyMs}\nBEGIN IMMEDIATE;`, signal);
        } catch (error) {
          throw new TacetError(`${name} could not be locked`, { code: 'hold-failed', cause: error });
        }
      }),
    );
  }

  async renew(): Promise<void> {
    // A lock stays.
  }

  /** Every client is still in its transaction, which nothing but its end could have ended. */
  async isHeld(signal: AbortSignal): Promise<boolean> {
    const held = await Promise.all(this.#locked.map(({ client }) => isInTransaction(client, signal)));
    return held.length > 0 && held.every(Boolean);
  }

  async thaw(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#locked.map(async ({ client }) => {
        try {
          if (await isInTransaction(client, signal)) await client.ask('ROLLBACK;', signal);
        } catch {
          // Its process and its lock end together, whatever it did not answer.
          await client[Symbol.asyncDispose]();
        }
      }),
    );
    this.#locked = [];
  }

  async close(): Promise<void> {
    // The clients are the method's.
  }
}

async function isInTransaction(client: SqliteClient, signal: AbortSignal): Promise<boolean> {
  try {
    await client.ask('BEGIN;', signal);
  } catch (error) {
    if (error instanceof Error && error.message.includes('within a transaction')) return true;
    throw error;
  }
  await client.ask('ROLLBACK;', signal);
  return false;
}
