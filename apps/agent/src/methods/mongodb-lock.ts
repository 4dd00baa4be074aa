import { TacetError } from '@tacet/runtime';
import type { EngineContainer } from '../engine/engine.ts';
import type { HoldRecord } from '../journal/schemas.ts';
import { holdMark, type MethodPorts, type ServiceHold } from './method.ts';
import { MongoClient } from './mongodb-client.ts';

/**
 * `fsyncLock`: the server writes everything out, and no writes until it is unlocked. The lock is counted and
 * belongs to no session: it is counted down to nothing, whoever else has locked.
 */
export class MongoLock implements ServiceHold {
  readonly record: HoldRecord;
  readonly #ports: MethodPorts;
  readonly #container: EngineContainer | undefined;
  /** A fresh process cannot tell. */
  #mayBeLocked: boolean;
  #client: MongoClient | undefined;

  constructor(record: HoldRecord, ports: MethodPorts, container: EngineContainer | undefined) {
    this.record = record;
    this.#ports = ports;
    this.#container = container;
    this.#mayBeLocked = container === undefined;
  }

  async client(signal: AbortSignal): Promise<MongoClient> {
    const container = this.#container ?? (await this.#find(signal));
    this.#client ??= await MongoClient.open(this.#ports, container, signal);
    return this.#client;
  }

  async hold(_leaseMs: number, signal: AbortSignal): Promise<void> {
    const client = await this.client(signal);
    if (await isLocked(client, signal)) {
      if (this.#mayBeLocked) return;
      throw new TacetError('somebody has locked it already', {
        code: 'hold-failed',
        hint: 'Unlock it with db.fsyncUnlock(), or try again when that backup has ended.',
      });
    }
    this.#mayBeLocked = true;
    await client.run({ fsync: 1, lock: true }, {}, signal);
  }

  async renew(): Promise<void> {
    // A lock stays.
  }

  async isHeld(signal: AbortSignal): Promise<boolean> {
    return this.#client !== undefined && (await isLocked(this.#client, signal));
  }

  async thaw(signal: AbortSignal): Promise<void> {
    if (!this.#mayBeLocked) return;
    try {
      await this.#unlock(signal);
    } catch (error) {
      if (!TacetError.is(error, 'not-found')) throw error;
      // Its lock ended with it.
    }
    this.#mayBeLocked = false;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.[Symbol.asyncDispose]();
  }

  /** Through the kept client where it still answers, else through a new one. */
  async #unlock(signal: AbortSignal): Promise<void> {
    if (this.#client) {
      try {
        await unlock(this.#client, signal);
        return;
      } catch (error) {
        await this.close();
        signal.throwIfAborted();
        this.#ports.logger.warn('the kept client does not answer: opening another', {
          ...this.record,
          error,
        });
      }
    }
    const { state } = await this.#find(signal);
    // Its process is gone, and its lock with it.
    if (state !== 'running' && state !== 'paused') return;
    // A lock that such a client has not asked for yet would come after its end.
    await this.#ports.processes.killMarked(this.record.cgroup, holdMark, signal);
    const client = await this.client(signal);
    try {
      await unlock(client, signal);
    } finally {
      await this.close();
    }
  }

  async #find(signal: AbortSignal): Promise<EngineContainer> {
    const { containerId } = this.record;
    const found = (await this.#ports.engine.containers(signal)).find(({ id }) => id === containerId);
    if (!found) throw new TacetError('the container is gone', { code: 'not-found' });
    return found;
  }
}

/** `fsyncLock` stands in the reply only while it is locked (the manual's page of `currentOp`). */
async function isLocked(client: MongoClient, signal: AbortSignal): Promise<boolean> {
  const { locked } = await client.run({ currentOp: 1, $ownOps: true }, { locked: '!!r.fsyncLock' }, signal);
  return locked === true;
}

async function unlock(client: MongoClient, signal: AbortSignal): Promise<void> {
  while (await isLocked(client, signal)) await client.run({ fsyncUnlock: 1 }, {}, signal);
}
