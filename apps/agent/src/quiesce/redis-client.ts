import { TacetError } from '@tacet/runtime';
import type { EngineContainer, ExecSession } from '../engine/engine.ts';
import type { MethodPorts } from './method.ts';

/**
 * Runs in the container. The password comes from the container's environment or secret file and reaches the
 * client as REDISCLI_AUTH, so that it stands in no process list. Valkey's image has `redis-cli` too; where it
 * has not, `valkey-cli` reads the same variable.
 */
const clientScript = `
for name in REDISCLI_AUTH REDIS_PASSWORD VALKEY_PASSWORD REDIS_PASSWORD_FILE VALKEY_PASSWORD_FILE; do
  [ -z "\${REDISCLI_AUTH:-}" ] || break
  eval "value=\\\${$name:-}"
  case $name in *_FILE) [ -r "$value" ] && value=$(cat "$value") || value= ;; esac
  REDISCLI_AUTH=$value
done
[ -n "$REDISCLI_AUTH" ] && export REDISCLI_AUTH || unset REDISCLI_AUTH
command -v redis-cli >/dev/null && exec redis-cli "$@"
exec valkey-cli "$@"
`;

export type RedisInfo = ReadonlyMap<string, string>;

/** A kept `redis-cli`, which answers line by line when its output is no terminal (seen with 7.0 and 8.0). */
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
  ): Promise<RedisClient> {
    const { password, port } = serverOptions(container.command);
    const session = await ports.engine.openSession(
      container.id,
      {
        argv: ['sh', '-c', clientScript, 'sh', ...(port === undefined ? [] : ['-p', port])],
        ...(password !== undefined && { env: { REDISCLI_AUTH: password } }),
      },
      signal,
    );
    const client = new RedisClient(session);
    try {
      await client.ask('PING', signal);
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
    return client;
  }

  /** The lines of one command's answer. @throws TacetError in the server's words when it refuses. */
  async ask(command: string, signal: AbortSignal): Promise<string[]> {
    this.#asked += 1;
    // An answer does not say where it ends: the echo behind it does. Without a password there is no echo.
    const mark = `tacet-${this.#asked}`;
    const isLast = (line: string): boolean => line === mark || line.startsWith('NOAUTH ');
    const lines = await this.#session.ask(`${command}\nECHO ${mark}`, isLast, signal);
    const answer = lines.slice(0, -1);
    const refusal = lines.find((line) => /^(NOAUTH|NOPERM|ERR|LOADING|MISCONF|READONLY|BUSY) /.test(line));
    if (refusal === undefined) return answer;
    throw new TacetError(`${command.split(' ', 2).join(' ')}: ${refusal}`, {
      code: 'prepare-failed',
      ...(refusal.startsWith('NOAUTH') && {
        hint: "Give the container its password as REDIS_PASSWORD or REDISCLI_AUTH, or by the server's --requirepass.",
      }),
    });
  }

  /** `name:value` lines of a section of INFO. */
  async info(section: string, signal: AbortSignal): Promise<RedisInfo> {
    const lines = await this.ask(`INFO ${section}`, signal);
    return new Map(
      lines
        .filter((line) => line.includes(':'))
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

/** What the server was told on its command line, also inside a `sh -c "…"`. */
function serverOptions(command: readonly string[]): { password?: string; port?: string } {
  const words = command.flatMap((argument) => argument.split(/\s+/));
  const after = (option: string): string | undefined => {
    const value = words[words.lastIndexOf(option) + 1];
    // `$REDIS_PASSWORD`: a shell filled it in, from the environment that the client reads too.
    return words.includes(option) && value !== undefined && !value.includes('$')
      ? value.replaceAll(/^["']|["']$/g, '')
      : undefined;
  };
  const password = after('--requirepass');
  const port = after('--port');
  return { ...(password !== undefined && { password }), ...(port !== undefined && { port }) };
}
