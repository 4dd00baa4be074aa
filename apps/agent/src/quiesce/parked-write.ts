import { orAborted } from '@tacet/runtime';
import type { EngineContainer } from '../engine/engine.ts';
import { type MethodPorts, unending } from './method.ts';
import { RedisClient } from './redis-client.ts';

/**
 * A write that waits. Sent after the pause, it does not come back until the pause ends, so as long as it is
 * out, the pause was never interrupted: more than asking for the pause's state could show, and it works with
 * versions that do not report one (`paused_actions` came with Valkey 8.1). A PUBLISH counts as a write for
 * `CLIENT PAUSE`, and changes nothing.
 */
export class ParkedWrite implements AsyncDisposable {
  readonly #client: RedisClient;
  #write: Promise<void> | undefined;
  #state: 'idle' | 'parked' | 'through' | 'failed' = 'idle';

  private constructor(client: RedisClient) {
    this.#client = client;
  }

  static async open(
    ports: MethodPorts,
    container: EngineContainer,
    signal: AbortSignal,
  ): Promise<ParkedWrite> {
    return new ParkedWrite(await RedisClient.open(ports, container, signal));
  }

  get isParked(): boolean {
    return this.#state === 'parked';
  }

  /** Sends it, and does not wait for it. */
  park(): void {
    if (this.#state === 'parked') return;
    this.#state = 'parked';
    this.#write = this.#send(unending);
    // Whoever asks next hears of it: `isParked` is false, and `goesThrough` sends another.
    this.#write.then(
      () => (this.#state = 'through'),
      () => (this.#state = 'failed'),
    );
  }

  /** Resolves when a write has gone through: what was parked, or a new one. */
  async goesThrough(signal: AbortSignal): Promise<void> {
    if (this.#write && this.#state === 'parked') await orAborted(this.#write, signal);
    else await this.#send(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  async #send(signal: AbortSignal): Promise<void> {
    await this.#client.ask('PUBLISH tacet:probe held', signal);
  }
}
