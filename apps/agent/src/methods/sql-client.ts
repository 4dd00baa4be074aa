import { TacetError, withDeadline } from '@tacet/runtime';
import type { ExecSession } from '../engine/engine.ts';
import { holdMark, type MethodPorts } from './method.ts';

/** A killed client leaves within a few milliseconds. */
const killMs = 2_000;

/** What the engine says on its output when it cannot start a client (Docker 26): no such user, no shell. */
const noSuchUser = 'unable to find user ';
const notStarted = ['OCI runtime exec failed: ', noSuchUser];

/** How a client is started in a container, and how its output is read. */
export interface SqlClientKind {
  /** Runs in the container's `sh` and becomes the client; whoever reads its arguments learns no password. */
  script: string;
  /** Container users to try, one after another; undefined is the image's own. */
  users: readonly (string | undefined)[];
  /** The first statement of every session: what an idle one needs to live through a hold. */
  greeting: string;
  /** Input that makes the client print the mark at the start of a line, whatever came before it. */
  mark: (mark: string) => string;
  /** Said instead of an answer, with nothing to follow: a refused login, a lost server. */
  isLastWord: (line: string) => boolean;
  /** What the server refused, if it did, from the whole output of one statement. */
  refusalIn: (lines: readonly string[]) => { sqlCode: string; message: string } | undefined;
  /** What to do when it is not let in. */
  loginHint: string;
}

/** Where a client runs. */
export interface SqlPlace {
  containerId: string;
  cgroup: string;
}

/** The server's refusal of one statement; the session goes on. */
export class SqlRefusal extends TacetError {
  /** SQLSTATE for PostgreSQL, the error number for MariaDB and MySQL. */
  readonly sqlCode: string;

  constructor(statement: string, refusal: { sqlCode: string; message: string }) {
    super(`${statement.replace(/;$/, '')}: ${refusal.message}`, { code: 'prepare-failed' });
    this.sqlCode = refusal.sqlCode;
  }
}

/**
 * An SQL client kept open in a container, one statement after another. An answer does not say where it ends:
 * the mark behind it does. A lost client is never opened again behind the caller's back, because what its
 * session had locked is lost with it.
 */
export class SqlClient implements AsyncDisposable {
  readonly #kind: SqlClientKind;
  readonly #session: ExecSession;
  readonly #kill: () => Promise<void>;
  #asked = 0;
  #lost = false;

  private constructor(kind: SqlClientKind, session: ExecSession, kill: () => Promise<void>) {
    this.#kind = kind;
    this.#session = session;
    this.#kill = kill;
  }

  /** @throws TacetError `prepare-failed` where there is no client, or the server does not let it in. */
  static async open(
    kind: SqlClientKind,
    place: SqlPlace,
    ports: MethodPorts,
    signal: AbortSignal,
  ): Promise<SqlClient> {
    const argv = ['sh', '-c', kind.script];
    let refused: unknown;
    for (const user of kind.users) {
      try {
        const request = { argv, env: { [holdMark]: '1' }, ...(user !== undefined && { user }) };
        const session = await ports.engine.openSession(place.containerId, request, signal);
        const client = new SqlClient(kind, session, () => killClients(place, ports));
        await client.#greet(signal);
        return client;
      } catch (error) {
        signal.throwIfAborted();
        refused = error;
        if (!(error instanceof Error) || !error.message.includes(noSuchUser)) break;
      }
    }
    throw new TacetError('its own client could not reach the server', {
      code: 'prepare-failed',
      hint: kind.loginHint,
      cause: refused,
    });
  }

  /** False when the client has ended or was given up: its session, and every lock of it, is no more. */
  get isUsable(): boolean {
    return !this.#lost;
  }

  /**
   * The rows of one statement, each as its columns. @throws SqlRefusal; anything else that it throws means
   * that the client is lost. One that was given up on abort is killed: it may wait for a lock.
   */
  async ask(statement: string, signal: AbortSignal): Promise<string[][]> {
    this.#asked += 1;
    const mark = `tacet-${this.#asked}`;
    const isLastWord = (line: string): boolean =>
      this.#kind.isLastWord(line) || notStarted.some((beginning) => line.startsWith(beginning));
    const lines = await this.#send(
      `${statement}\n${this.#kind.mark(mark)}`,
      (line) => line === mark || line.startsWith(`${mark} `) || isLastWord(line),
      signal,
    );
    const last = lines.at(-1) ?? '';
    if (isLastWord(last)) {
      await this[Symbol.asyncDispose]();
      throw new TacetError(`the client has ended: ${last}`, {
        code: 'engine-unreachable',
        retryable: true,
      });
    }
    const refusal = this.#kind.refusalIn(lines);
    if (refusal) throw new SqlRefusal(statement, refusal);
    return lines.slice(0, -1).map((line) => line.split('\t'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lost = true;
    // Its input ends with it, and an idle client then ends by itself.
    await this.#session[Symbol.asyncDispose]();
  }

  async #greet(signal: AbortSignal): Promise<void> {
    try {
      await this.ask(this.#kind.greeting, signal);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #send(text: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<string[]> {
    try {
      return await this.#session.ask(text, isLast, signal);
    } catch (error) {
      this.#lost = true;
      if (signal.aborted) await this.#kill();
      throw error;
    }
  }
}

/** All that a method keeps in this container. Never rejects: who calls it has an error of his own to tell. */
async function killClients({ cgroup }: SqlPlace, { processes, clock, logger }: MethodPorts): Promise<void> {
  using deadline = withDeadline(undefined, killMs, 'killing the clients', clock);
  try {
    await processes.killMarked(cgroup, holdMark, deadline.signal);
  } catch (error) {
    logger.warn('a client that was given up may go on', { cgroup, error });
  }
}
