import { TacetError } from '@tacet/runtime';
import type { ExecSession } from './engine.ts';
import type { MemoryContainer } from './memory-container.ts';

/** What a simulated client needs of the simulated guest around it. */
export interface MemorySurroundings {
  now: () => number;
  /** The container's present state; undefined when it is gone. */
  current: () => MemoryContainer | undefined;
  changed: () => void;
  /** Resolves when the condition holds. */
  until: (condition: () => boolean, signal: AbortSignal) => Promise<void>;
  beforeAsk: (signal: AbortSignal) => Promise<void>;
}

/** As much of a kept `redis-cli` as the method asks for. */
export class MemoryRedisSession implements ExecSession {
  readonly #around: MemorySurroundings;
  readonly #mayEnter: boolean;
  #ended = false;

  constructor(around: MemorySurroundings, password: string | undefined) {
    this.#around = around;
    const wanted = around.current()?.password ?? null;
    this.#mayEnter = wanted === null || wanted === password;
  }

  async ask(text: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<string[]> {
    await this.#around.beforeAsk(signal);
    const lines: string[] = [];
    for (const command of text.split('\n')) {
      for (const line of await this.#run(command, signal)) {
        lines.push(line);
        if (isLast(line)) return lines;
      }
    }
    throw new TacetError('the client gave no last line', { code: 'internal' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
  }

  async #run(command: string, signal: AbortSignal): Promise<string[]> {
    await this.#around.until(() => this.#container() === undefined || !this.#container()?.frozen, signal);
    const container = this.#container();
    if (!container) {
      throw new TacetError('the client has ended', { code: 'engine-unreachable', retryable: true });
    }
    if (!this.#mayEnter) return ['NOAUTH Authentication required.', ''];
    const [verb = '', ...rest] = command.split(' ');
    switch (verb) {
      case 'PING':
        return ['PONG'];
      case 'ECHO':
        return [rest.join(' ')];
      case 'INFO':
        return [
          '# Persistence',
          `aof_enabled:${container.persistence === 'durable' ? 1 : 0}`,
          'aof_buffer_length:0',
          'rdb_bgsave_in_progress:0',
          'rdb_last_bgsave_status:ok',
          `rdb_changes_since_last_save:${container.written.length - container.durable}`,
        ];
      case 'CONFIG':
        return ['save', container.persistence === 'none' ? '' : '3600 1 300 100'];
      case 'SAVE':
      case 'BGSAVE':
        container.durable = container.written.length;
        return ['OK'];
      case 'PUBLISH':
        await this.#around.until(
          () => (this.#container()?.writesPausedUntil ?? 0) <= this.#around.now(),
          signal,
        );
        return ['0'];
      case 'CLIENT': {
        const until = rest[0] === 'PAUSE' ? this.#around.now() + Number(rest[1]) : 0;
        container.writesPausedUntil = until === 0 ? 0 : Math.max(container.writesPausedUntil, until);
        this.#around.changed();
        return ['OK'];
      }
      default:
        return [`ERR unknown command '${verb}'`];
    }
  }

  #container(): MemoryContainer | undefined {
    const container = this.#around.current();
    return this.#ended || container?.state !== 'running' ? undefined : container;
  }
}
