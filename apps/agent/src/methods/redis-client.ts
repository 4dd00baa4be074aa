import { TacetError } from '@tacet/runtime';
import type { EngineContainer, ExecSession } from '../engine/engine.ts';
import type { MethodPorts } from './method.ts';
import { redisClientRequest } from './redis-connection.ts';

export type RedisInfo = ReadonlyMap<string, string>;

/** Beginnings of answers that are no answers; the last two are the client's own words. */
const refusals = /^(?:ERR|NOAUTH|NOPERM|LOADING|BUSY|MASTERDOWN|MISCONF|READONLY|Could not connect|Error:)/;

/** With these nobody can tell whether the echo will come. */
const mayBeLast = /^(?:NOAUTH|NOPERM|LOADING|BUSY|MASTERDOWN|Could not connect|Error:)/;

const mark = (question: number): string => `tacet-${question}`;
const isMark = (line: string): boolean => /^tacet-\d+$/.test(line);

/**
 * A kept `redis-cli`, which answers line by line when its output is no terminal (seen with Redis 7.0 and 8.0 and
 * Valkey 8.1). It sends one command after another, each when the one before has been answered.
 */
export class RedisClient implements AsyncDisposable {
  readonly #session: ExecSession;
  #asked = 0;

  private constructor(session: ExecSession) {
    this.#session = session;
  }

  /** @throws TacetError `prepare-failed` where the server does not let it in. */
  static async open(
    ports: MethodPorts,
    container: EngineContainer,
    signal: AbortSignal,
    options: { marked: boolean } = { marked: true },
  ): Promise<RedisClient> {
    const request = redisClientRequest(container.command, options);
    const client = new RedisClient(await ports.engine.openSession(container.id, request, signal));
    try {
      await client.ask(['PING'], signal);
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
    return client;
  }

  /**
   * The lines of all the commands' answers. `thenSend` goes out when they have been answered, and nobody waits
   * for what comes of it: the next question's answer comes after it.
   * @throws TacetError `prepare-failed` in the server's words when it refuses one.
   */
  async ask(commands: readonly string[], signal: AbortSignal, thenSend?: string): Promise<string[]> {
    this.#asked += 1;
    // An answer does not say where it ends: the echo behind it does.
    const end = mark(this.#asked);
    const isLast = (line: string): boolean => line === end || mayBeLast.test(line);
    const question = [...commands, `ECHO ${end}`, ...(thenSend === undefined ? [] : [thenSend])];
    const lines = await this.#session.ask(question.join('\n'), isLast, signal);
    // An echo that came after a refusal belongs to the question before; what comes after ours is nobody's.
    const begin = lines.findLastIndex((line) => isMark(line) && line !== end) + 1;
    const answer = lines.slice(begin, lines.includes(end) ? lines.indexOf(end) : undefined);
    const refusal = answer.find((line) => refusals.test(line));
    if (refusal === undefined) return answer;
    throw new TacetError(`${commands.map(nameOf).join(', ')}: ${refusal}`, {
      code: 'prepare-failed',
      hint: hintFor(refusal),
    });
  }

  /** `name:value` lines of sections of INFO; the ones that it shows unasked where none is given. */
  async info(signal: AbortSignal, section = ''): Promise<RedisInfo> {
    return parseInfo(await this.ask([`INFO ${section}`.trim()], signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

export function parseInfo(lines: readonly string[]): RedisInfo {
  return new Map(
    lines
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

function nameOf(command: string): string {
  return command.split(' ', 2).join(' ');
}

function hintFor(refusal: string): string | undefined {
  if (refusal.startsWith('NOAUTH')) {
    return "Give the container its password as REDIS_PASSWORD, REDIS_PASSWORD_FILE or REDISCLI_AUTH, or by the server's --requirepass or configuration file.";
  }
  if (refusal.startsWith('NOPERM')) {
    return 'The user `default` must be allowed INFO, PUBLISH, CLIENT, CONFIG GET, SAVE and BGSAVE.';
  }
  if (refusal.startsWith('Could not connect')) {
    return 'It must listen on the loopback of its container, on a port or a unix socket that its command or configuration file names.';
  }
  return undefined;
}
