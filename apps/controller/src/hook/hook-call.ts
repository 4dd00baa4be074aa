import type { Socket } from 'node:net';
import { deferred } from '@tacet/runtime';
import type { HookRequest } from './hook-request.ts';

/** `trouble` lets the script refuse the backup where it was told to be closed to this guest. */
export type HookAnswer = 'ok' | 'trouble';

/** Signs of life within the script's patience: silence is to it the end of this controller. */
const BEATS = 4;
/** For the script's last word once it has its answer. Whoever is slower is taken for gone. */
const LAST_WORD_MS = 2_000;

/** One call of the hook script, which waits, and vzdump with it, until the call is concluded. */
export class HookCall<Request extends HookRequest = HookRequest> implements Disposable {
  readonly request: Request;
  readonly #socket: Socket;
  readonly #gone = new AbortController();
  readonly #acknowledged = deferred<boolean>();
  readonly #beat: NodeJS.Timeout;
  #isConcluded = false;

  constructor(request: Request, socket: Socket) {
    this.request = request;
    this.#socket = socket;
    this.#beat = setInterval(() => this.#write('.'), (request.patienceS * 1_000) / BEATS);
    socket.on('data', (data: Buffer) => {
      if (this.#isConcluded && data.toString().startsWith('ack')) this.#acknowledged.resolve(true);
    });
    socket.on('close', () => {
      clearInterval(this.#beat);
      this.#acknowledged.resolve(false); // no news where it was acknowledged
      this.#gone.abort(new Error('the hook script has gone'));
    });
  }

  /** Aborts when the script waits no more: it was killed, gave up, or has its answer. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** A line for the log of vzdump's task. */
  say(text: string): void {
    this.#write(sayLine(text));
  }

  /** Lets the script go. @returns whether it was still waiting: true only once it has said so. */
  async conclude(answer: HookAnswer): Promise<boolean> {
    if (!this.#isConcluded) {
      this.#isConcluded = true;
      clearInterval(this.#beat);
      this.#write(answer);
      setTimeout(() => this.#acknowledged.resolve(false), LAST_WORD_MS).unref();
    }
    return await this.#acknowledged.promise;
  }

  /** Whoever forgets to answer keeps nobody waiting. */
  [Symbol.dispose](): void {
    if (!this.#isConcluded) void this.conclude('trouble');
  }

  #write(line: string): void {
    if (this.#socket.writable) this.#socket.write(`${line}\n`);
  }
}

/** Whatever an error said, it is one line, and harmless in a terminal. */
export function sayLine(text: string): string {
  return `say ${text.replaceAll(/\p{Cc}+/gu, ' ').trim()}`;
}
