import { deferred, type Deferred, orAborted, TacetError } from '@tacet/runtime';
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

interface Question {
  readonly isLast: (line: string) => boolean;
  readonly answer: string[];
  readonly done: Deferred<string[]>;
}

/** By server: who is connected, in the order of coming. */
const clients = new WeakMap<MemoryContainer, MemoryRedisSession[]>();

/** As much of a kept `redis-cli` as the method asks for: it sends a command when the one before is answered. */
export class MemoryRedisSession implements ExecSession {
  readonly #around: MemorySurroundings;
  readonly #mayEnter: boolean;
  readonly #ended = new AbortController();
  #id = 0;
  #command = '';
  #isBlocked = false;
  #question: Question | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(around: MemorySurroundings, password: string | undefined) {
    this.#around = around;
    const server = around.current();
    const wanted = server?.password ?? null;
    this.#mayEnter = wanted === null || wanted === password;
    if (!server) return;
    const connected = clients.get(server) ?? [];
    const last = connected.at(-1);
    this.#id = last ? last.#id + 1 : 1;
    clients.set(server, [...connected.filter((client) => !client.#ended.signal.aborted), this]);
  }

  async ask(text: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<string[]> {
    await this.#around.beforeAsk(signal);
    const question: Question = { isLast, answer: [], done: deferred<string[]>() };
    this.#question = question;
    this.#sending = this.#sending.then(() => this.#send(text.split('\n')));
    try {
      return await orAborted(question.done.promise, signal);
    } catch (error) {
      if (signal.aborted) this.#ended.abort();
      throw error;
    } finally {
      this.#question = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
  }

  /** Also goes on when nobody waits for an answer. */
  async #send(commands: readonly string[]): Promise<void> {
    try {
      for (const command of commands) {
        const lines = await this.#run(command);
        for (const line of lines) this.#onLine(line);
      }
    } catch {
      const code = 'engine-unreachable';
      this.#question?.done.reject(new TacetError('the client has ended', { code, retryable: true }));
    }
  }

  #onLine(line: string): void {
    const question = this.#question;
    if (!question) return;
    question.answer.push(line);
    if (!question.isLast(line)) return;
    this.#question = undefined;
    question.done.resolve(question.answer);
  }

  async #run(command: string): Promise<string[]> {
    this.#command = command;
    const { signal } = this.#ended;
    await this.#around.until(() => !this.#around.current()?.frozen, signal);
    const container = this.#container();
    if (!this.#mayEnter) return ['NOAUTH Authentication required.', ''];
    const [verb = '', ...rest] = command.split(' ');
    switch (verb) {
      case 'PING':
        return ['PONG'];
      case 'ECHO':
        return [rest.join(' ')];
      case 'INFO':
        return [
          '# Server',
          'redis_version:8.0.2',
          `used_memory:${1024 ** 2}`,
          'role:master',
          `aof_enabled:${container.persistence === 'durable' ? 1 : 0}`,
          'aof_buffer_length:0',
          'rdb_bgsave_in_progress:0',
          'rdb_last_bgsave_status:ok',
          'rdb_last_bgsave_time_sec:-1',
          `rdb_changes_since_last_save:${container.written.length - container.durable}`,
          ...(container.written.length > 0 ? [`db0:keys=${container.written.length},expires=0`] : []),
        ];
      case 'CONFIG':
        return ['save', container.persistence === 'none' ? '' : '3600 1 300 100'];
      case 'SAVE':
      case 'BGSAVE':
        container.durable = container.written.length;
        return ['OK'];
      case 'PUBLISH':
        this.#isBlocked = true;
        await this.#around.until(() => this.#container().writesPausedUntil <= this.#around.now(), signal);
        this.#isBlocked = false;
        return ['0'];
      case 'CLIENT':
        return this.#client(container, rest);
      default:
        return [`ERR unknown command '${verb}'`];
    }
  }

  #client(container: MemoryContainer, [verb = '', ...rest]: readonly string[]): string[] {
    if (verb === 'ID') return [String(this.#id)];
    if (verb === 'LIST') {
      return (clients.get(container) ?? [])
        .filter((client) => rest.includes(String(client.#id)) && !client.#ended.signal.aborted)
        .map((client) => client.#description);
    }
    const until = verb === 'PAUSE' ? this.#around.now() + Number(rest[0]) : 0;
    container.writesPausedUntil = until === 0 ? 0 : Math.max(container.writesPausedUntil, until);
    this.#around.changed();
    return ['OK'];
  }

  get #description(): string {
    const cmd = this.#command.split(' ')[0]?.toLowerCase();
    return `id=${this.#id} addr=127.0.0.1:1 flags=${this.#isBlocked ? 'b' : 'N'} cmd=${cmd}`;
  }

  #container(): MemoryContainer {
    const container = this.#around.current();
    if (!this.#ended.signal.aborted && container?.state === 'running') return container;
    throw new TacetError('the client has ended', { code: 'engine-unreachable', retryable: true });
  }
}
