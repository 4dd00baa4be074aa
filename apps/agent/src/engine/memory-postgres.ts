import { TacetError } from '@tacet/runtime';
import type { ExecSession } from './engine.ts';
import type { MemorySurroundings } from './memory-redis.ts';

/** What the server says of its settings; a question about anything else has no rows. */
const settings = ['server_version\t17.6', 'server_version_num\t170006', 'block_size\t8192'];

/** As much of a kept `psql` as the method asks for. Every statement succeeds. */
export class MemoryPsqlSession implements ExecSession {
  readonly #around: MemorySurroundings;
  #ended = false;

  constructor(around: MemorySurroundings) {
    this.#around = around;
  }

  async ask(text: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<string[]> {
    await this.#around.beforeAsk(signal);
    await this.#around.until(() => !this.#isRunning || !this.#around.current()?.frozen, signal);
    if (!this.#isRunning) {
      throw new TacetError('the client has ended', { code: 'engine-unreachable', retryable: true });
    }
    const lines = text.split('\n').flatMap(answer);
    const end = lines.findIndex(isLast);
    if (end < 0) throw new TacetError('the client gave no last line', { code: 'internal' });
    return lines.slice(0, end + 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
  }

  get #isRunning(): boolean {
    const state = this.#around.current()?.state;
    return !this.#ended && (state === 'running' || state === 'paused');
  }
}

function answer(line: string): readonly string[] {
  const [, echoed] = /^\\echo ([^:]+) :ERROR :SQLSTATE$/.exec(line) ?? [];
  if (echoed !== undefined) return [`${echoed} false 00000`];
  if (line.includes('FROM pg_settings')) return settings;
  if (line === 'SELECT 1;') return ['1'];
  return [];
}
