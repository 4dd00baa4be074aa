import type { Duplex } from 'node:stream';
import { PassThrough } from 'node:stream';
import { deferred, type Deferred, orAborted, TacetError } from '@tacet/runtime';
import type Docker from 'dockerode';
import type { ExecSession } from './engine.ts';
import { LineSplitter } from './line-splitter.ts';

/** How much of a client's complaints is kept, for the message of the error that they explain. */
const keptComplaintBytes = 2_000;

interface Question {
  readonly isLast: (line: string) => boolean;
  readonly answer: string[];
  readonly done: Deferred<string[]>;
}

/** A client in a container, kept open over a taken-over connection. One question at a time. */
export class DockerExecSession implements ExecSession {
  readonly #stream: Duplex;
  #question: Question | undefined;
  #complaints = '';
  #ended: unknown;

  constructor(docker: Docker, stream: Duplex) {
    this.#stream = stream;
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    docker.modem.demuxStream(stream, stdout, stderr);
    const lines = new LineSplitter((line) => this.#onLine(line));
    stdout.on('data', (chunk: Buffer) => lines.push(chunk));
    stderr.on('data', (chunk: Buffer) => {
      this.#complaints = (this.#complaints + chunk.toString('utf8')).slice(-keptComplaintBytes);
    });
    stream.once('error', (error) => this.#end(error));
    stream.once('end', () => this.#end(undefined));
    stream.once('close', () => this.#end(undefined));
  }

  async ask(line: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<string[]> {
    signal.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#question) {
      throw new TacetError('the client is still answering an earlier question', { code: 'conflict' });
    }
    const question: Question = { isLast, answer: [], done: deferred<string[]>() };
    this.#question = question;
    this.#stream.write(`${line}\n`);
    try {
      return await orAborted(question.done.promise, signal);
    } catch (error) {
      // An answer may still come, and nobody could tell it from the next one's.
      if (signal.aborted) this.#stream.destroy();
      throw error;
    } finally {
      if (this.#question === question) this.#question = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.destroy();
  }

  #onLine(line: string): void {
    const question = this.#question;
    if (!question) return;
    question.answer.push(line);
    if (!question.isLast(line)) return;
    // What comes after it in the same chunk is no part of it.
    this.#question = undefined;
    question.done.resolve(question.answer);
  }

  #end(cause: unknown): void {
    if (this.#ended !== undefined) return;
    const said = this.#complaints.trim();
    this.#ended = new TacetError(`the client has ended${said === '' ? '' : `: ${said}`}`, {
      code: 'engine-unreachable',
      retryable: true,
      cause,
    });
    this.#question?.done.reject(this.#ended);
  }
}
