import type { EngineContainer } from '../engine/engine.ts';
import type { MethodPorts } from './method.ts';
import { parseInfo, RedisClient, type RedisInfo } from './redis-client.ts';

/** Counts as a write for `CLIENT PAUSE`, and changes nothing. */
export const harmlessWrite = 'PUBLISH tacet:probe held';

/**
 * A write that waits. Sent right after the pause, it does not come back until the pause ends: as long as the
 * server says that it waits, the pause was never interrupted. That is more than asking for the pause's state could
 * show, and it works with versions that do not report one (`paused_actions` came with Valkey 8.1).
 */
export class ParkedWrite implements AsyncDisposable {
  readonly #client: RedisClient;
  #id = '';
  #isSent = false;

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

  get isSent(): boolean {
    return this.#isSent;
  }

  /**
   * Resolves when the pause has begun; the write follows it at once, from the same client.
   * @returns INFO's section `persistence`, as it was in the pause: another question would only make writers wait.
   */
  async pauseAndSend(ms: number, signal: AbortSignal): Promise<RedisInfo> {
    this.#isSent = true;
    // Its id now, because a client that was idle for long may have had to connect again.
    const commands = ['CLIENT ID', `CLIENT PAUSE ${ms} WRITE`, 'INFO persistence'];
    const lines = await this.#client.ask(commands, signal, harmlessWrite);
    this.#id = lines[0] ?? '';
    return parseInfo(lines);
  }

  /** To ask over another client: what {@link stateIn} then reads out of the answer. */
  get question(): string {
    return `CLIENT LIST ID ${this.#id}`;
  }

  /**
   * Flag `b` of `CLIENT LIST` is a client that waits (seen with Redis 7.0 and 8.0 and Valkey 8.1 for a paused
   * write). `through` once a write of it has been carried out, `coming` while the server has not seen it yet.
   */
  stateIn(lines: readonly string[]): 'waiting' | 'coming' | 'through' {
    const own = lines.find((line) => line.startsWith(`id=${this.#id} `));
    if (!this.#isSent || own === undefined) return 'through';
    const { flags, cmd } = Object.fromEntries(own.split(' ').map((field) => field.split('=', 2)));
    if (cmd !== 'publish') return 'coming';
    return flags?.includes('b') ? 'waiting' : 'through';
  }

  /** Resolves when a write has gone through, after the one that was parked. */
  async goesThrough(signal: AbortSignal): Promise<void> {
    await this.#client.ask([harmlessWrite], signal);
    this.#isSent = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}
