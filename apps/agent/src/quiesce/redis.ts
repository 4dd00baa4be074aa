import { TacetError } from '@tacet/runtime';
import type { EngineContainer } from '../engine/engine.ts';
import type { HoldRecord } from '../journal/schemas.ts';
import type { MethodPorts, ServiceHold } from './method.ts';
import { ParkedWrite } from './parked-write.ts';
import { RedisClient, type RedisInfo } from './redis-client.ts';

/** How often the server is asked whether it has finished writing. */
const pollMs = 20;

/** `none`: a cache that is meant to start empty, and must not find a dump of ours. */
type Persistence = 'append-only' | 'dump' | 'none';

/**
 * Redis and Valkey. `CLIENT PAUSE … WRITE` blocks writers for at most the lease's length and survives its
 * client; without an append-only file the dump is then brought up to date, so that nothing acknowledged is
 * missing from the copy.
 */
export class RedisHold implements ServiceHold {
  readonly record: HoldRecord;
  readonly #ports: MethodPorts;
  /** Known before the first call where there is a fresh look at the containers. */
  readonly #container: EngineContainer | undefined;
  #client: RedisClient | undefined;
  #parked: ParkedWrite | undefined;
  #persistence: Persistence | undefined;
  /** Epoch milliseconds after which nothing can be paused any more, whatever became of the client. */
  #pausedUntil: number;
  #closed = false;

  /** `pausedUntil` is 0 for a new hold, and the end of the journal's lease in a fresh process. */
  constructor(
    record: HoldRecord,
    ports: MethodPorts,
    container: EngineContainer | undefined,
    pausedUntil: number,
  ) {
    this.record = record;
    this.#ports = ports;
    this.#container = container;
    this.#pausedUntil = pausedUntil;
  }

  async prepare(signal: AbortSignal): Promise<void> {
    try {
      const client = await this.#open(signal);
      await this.#openParked(signal);
      if ((await this.#howKept(client, signal)) !== 'dump') return;
      // Now, while writes go on, so that little has changed when the hold's own dump comes.
      await this.#dump(client, 'BGSAVE', signal);
      await this.#untilDumped(client, signal);
    } catch (error) {
      // A client that was given up in the middle of an answer is of no use to the hold.
      await this.#hangUp();
      throw error;
    }
  }

  async hold(leaseMs: number, signal: AbortSignal): Promise<void> {
    const client = await this.#open(signal);
    const parked = await this.#openParked(signal);
    await this.#pause(client, leaseMs, signal);
    parked.park();
    switch (await this.#howKept(client, signal)) {
      case 'append-only':
        await this.#untilAppended(client, signal);
        break;
      case 'dump':
        if ((await this.#untilDumped(client, signal)).get('rdb_changes_since_last_save') !== '0') {
          await this.#dump(client, 'SAVE', signal);
        }
        break;
      case 'none':
    }
    if (!(await this.isHeld(signal))) {
      throw new TacetError('a write went through although writes are paused', { code: 'hold-failed' });
    }
  }

  async renew(leaseMs: number, signal: AbortSignal): Promise<void> {
    // A pause is only ever made longer by another one (seen with 7.0 and 8.0).
    await this.#pause(await this.#open(signal), leaseMs, signal);
  }

  /** The server answers, and a write that was sent after the pause has not gone through since. */
  async isHeld(signal: AbortSignal): Promise<boolean> {
    if (!this.#client || !this.#parked) return false;
    await this.#client.ask('PING', signal);
    return this.#parked.isParked;
  }

  async thaw(signal: AbortSignal): Promise<void> {
    if (this.#pausedUntil === 0) return;
    try {
      await this.#unpause(signal);
    } catch (error) {
      if (!TacetError.is(error, 'not-found') && this.#ports.clock.now() <= this.#pausedUntil) throw error;
      this.#ports.logger.info('the pause has ended by itself', { ...this.record, error });
    }
    this.#pausedUntil = 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#hangUp();
  }

  async #hangUp(): Promise<void> {
    const [client, parked] = [this.#client, this.#parked];
    this.#client = undefined;
    this.#parked = undefined;
    await client?.[Symbol.asyncDispose]();
    await parked?.[Symbol.asyncDispose]();
  }

  async #pause(client: RedisClient, leaseMs: number, signal: AbortSignal): Promise<void> {
    const ms = Math.ceil(leaseMs);
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#ports.clock.now() + ms);
    await client.ask(`CLIENT PAUSE ${ms} WRITE`, signal);
  }

  /** Through the kept clients where they still answer, else through new ones. */
  async #unpause(signal: AbortSignal): Promise<void> {
    if (this.#client && this.#parked) {
      try {
        await this.#client.ask('CLIENT UNPAUSE', signal);
        await this.#parked.goesThrough(signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#ports.logger.warn('the kept clients do not answer: opening others', {
          ...this.record,
          error,
        });
      }
    }
    await this.#hangUp();
    const container = await this.#look(signal);
    // Its process is gone, and what it had paused with it.
    if (container.state !== 'running') return;
    const client = await this.#open(signal);
    await client.ask('CLIENT UNPAUSE', signal);
    const parked = await this.#openParked(signal);
    await parked.goesThrough(signal);
  }

  async #open(signal: AbortSignal): Promise<RedisClient> {
    this.#client ??= await this.#keep(RedisClient.open(this.#ports, await this.#find(signal), signal));
    return this.#client;
  }

  async #openParked(signal: AbortSignal): Promise<ParkedWrite> {
    this.#parked ??= await this.#keep(ParkedWrite.open(this.#ports, await this.#find(signal), signal));
    return this.#parked;
  }

  /** What opens after everything was closed is closed at once. */
  async #keep<T extends AsyncDisposable>(opening: Promise<T>): Promise<T> {
    const opened = await opening;
    if (!this.#closed) return opened;
    await opened[Symbol.asyncDispose]();
    throw new TacetError('closed meanwhile', { code: 'wrong-state' });
  }

  async #find(signal: AbortSignal): Promise<EngineContainer> {
    return this.#container ?? (await this.#look(signal));
  }

  async #look(signal: AbortSignal): Promise<EngineContainer> {
    const { containerId } = this.record;
    const found = (await this.#ports.engine.containers(signal)).find(({ id }) => id === containerId);
    if (!found) throw new TacetError('the container is gone', { code: 'not-found' });
    return found;
  }

  async #howKept(client: RedisClient, signal: AbortSignal): Promise<Persistence> {
    this.#persistence ??= await this.#findOutHowKept(client, signal);
    return this.#persistence;
  }

  async #findOutHowKept(client: RedisClient, signal: AbortSignal): Promise<Persistence> {
    if ((await client.info('persistence', signal)).get('aof_enabled') === '1') return 'append-only';
    try {
      const [, schedule = ''] = await client.ask('CONFIG GET save', signal);
      return schedule === '' ? 'none' : 'dump';
    } catch (error) {
      signal.throwIfAborted();
      // CONFIG may be forbidden. A dump too many costs time, one too few costs data.
      this.#ports.logger.info('taken for one that keeps dumps', { ...this.record, error });
      return 'dump';
    }
  }

  async #dump(client: RedisClient, command: 'BGSAVE' | 'SAVE', signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await client.ask(command, signal);
        return;
      } catch (error) {
        if (!(error instanceof Error) || !error.message.includes('in progress')) throw error;
      }
      // Another child of the server is at work; the signal bounds the wait.
      await this.#ports.clock.sleep(pollMs, signal);
    }
  }

  async #untilDumped(client: RedisClient, signal: AbortSignal): Promise<RedisInfo> {
    const info = await this.#until(client, (now) => now.get('rdb_bgsave_in_progress') === '0', signal);
    if (info.get('rdb_last_bgsave_status') === 'ok') return info;
    throw new TacetError('the last background save failed', {
      code: 'prepare-failed',
      hint: 'Is there room on its disk, and does vm.overcommit_memory let it fork?',
    });
  }

  /** With `appendfsync everysec` an answer can be sent before the append-only file is written. */
  async #untilAppended(client: RedisClient, signal: AbortSignal): Promise<void> {
    await this.#until(client, (now) => (now.get('aof_buffer_length') ?? '0') === '0', signal);
  }

  async #until(
    client: RedisClient,
    isDone: (info: RedisInfo) => boolean,
    signal: AbortSignal,
  ): Promise<RedisInfo> {
    for (;;) {
      const info = await client.info('persistence', signal);
      if (isDone(info)) return info;
      await this.#ports.clock.sleep(pollMs, signal);
    }
  }
}
