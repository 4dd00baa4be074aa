import { type ChildProcess, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { deferred, type Deferred, orAborted, TacetError } from '@tacet/runtime';
import { LineSplitter } from '../engine/line-splitter.ts';

/** The guest that the databases are in. */
export interface SqliteGuest {
  /** Starts a program in it; its input and output are pipes. */
  start: (argv: readonly string[]) => ChildProcess;
  /** 0 where there is none. */
  fileBytes: (path: string) => Promise<number>;
}

/** The one that this process runs in. */
export const thisGuest: SqliteGuest = {
  start: ([command = '', ...args]) => spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] }),
  fileBytes: async (path) => {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
      throw error;
    }
  },
};

/** What was said is told in the order in which it was said. The shell is gone by the time SQLite runs. */
const shell = ['sh', '-c', 'exec sqlite3 "$@" 2>&1', 'sh', '-batch', '-list', '-init', '/dev/null'];

/** The shell's exit code for a program that it does not find. */
const programMissing = 127;

/** For a writer in the middle of something; who has the database to himself alone does not end. */
const openBusyMs = 1_000;

/** How the shell begins its complaints (seen with 3.40 and 3.46). */
const complaint = /^(?:Parse error|Runtime error|Error)\b[^:]*: (.*)$/;

interface Question {
  readonly lines: string[];
  readonly done: Deferred<string[]>;
}

/**
 * A kept `sqlite3` on one database: Node 20 has no SQLite of its own. As root it gives the files that it makes
 * beside the database to the database's owner (SQLite does that by itself). Its locks end with it, and it ends
 * with this process, whose end of its input it sees.
 */
export class SqliteClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended = deferred();
  #asked = 0;
  #question: Question | undefined;
  #failure: TacetError | undefined;
  #lastWords = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    const lines = new LineSplitter((line) => this.#onLine(line));
    child.stdout?.on('data', (chunk: Buffer) => lines.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => (this.#lastWords = chunk.toString('utf8').trim()));
    // What it could not read any more is told by its end.
    child.stdin?.on('error', () => undefined);
    child.once('error', (error) => this.#end(null, error));
    child.once('close', (code) => this.#end(code));
  }

  /**
   * Never makes a database where there is none.
   * @throws TacetError `not-found` where the guest has no `sqlite3`, `prepare-failed` in SQLite's words.
   */
  static async open(path: string, start: SqliteGuest['start'], signal: AbortSignal): Promise<SqliteClient> {
    signal.throwIfAborted();
    const name = path.split('/').map(encodeURIComponent).join('/');
    const client = new SqliteClient(start([...shell, `file:${name}?mode=rw`]));
    try {
      // It opens the file at the first look into it.
      await client.ask(`.timeout ${openBusyMs}\nPRAGMA schema_version;`, signal);
      return client;
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Every line of the answer to statements, one a line. An abort ends the client, and its locks with it.
   * @throws TacetError `prepare-failed` in SQLite's words: `database is locked (5)`.
   */
  async ask(statements: string, signal: AbortSignal): Promise<string[]> {
    signal.throwIfAborted();
    if (this.#failure) throw this.#failure;
    this.#asked += 1;
    const end = this.#mark;
    const question: Question = { lines: [], done: deferred<string[]>() };
    this.#question = question;
    this.#child.stdin?.write(`${statements}\n.print ${end}\n`);
    try {
      const lines = await orAborted(question.done.promise, signal);
      const refusal = lines.flatMap((line) => complaint.exec(line)?.[1] ?? [])[0];
      if (refusal !== undefined) throw new TacetError(refusal, { code: 'prepare-failed' });
      return lines;
    } catch (error) {
      if (signal.aborted) await this[Symbol.asyncDispose]();
      throw error;
    } finally {
      this.#question = undefined;
    }
  }

  /** Resolves when it has ended, and every lock of its with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended.promise;
  }

  get #mark(): string {
    return `tacet-${this.#asked}`;
  }

  #onLine(line: string): void {
    this.#lastWords = line;
    const question = this.#question;
    if (line === this.#mark) question?.done.resolve(question.lines);
    else question?.lines.push(line);
  }

  #end(exitCode: number | null, cause?: unknown): void {
    this.#failure ??=
      exitCode === programMissing
        ? new TacetError('sqlite3 is not installed in the guest', {
            code: 'not-found',
            hint: 'apt install sqlite3',
          })
        : new TacetError(complaint.exec(this.#lastWords)?.[1] ?? `sqlite3 has ended: ${this.#lastWords}`, {
            code: 'prepare-failed',
            cause,
          });
    this.#question?.done.reject(this.#failure);
    this.#ended.resolve();
  }
}
