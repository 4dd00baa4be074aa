import {
  type AgentFrame,
  type ControllerFrame,
  controllerFrameSchema,
  readAgentFrame,
  type RequestMethod,
  type RequestParams,
  type RequestResult,
  requestSchemas,
} from '@tacet/protocol';
import { type Clock, deferred, type Deferred, type Logger, runWithin } from '@tacet/runtime';
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import { Failure } from '../failure.ts';

/** RFC 6455: the other side broke the rules; and our own end of the line is going away. */
export const closeCodes = { policy: 1008, goingAway: 1001 } as const;

/** The same schemas, in a type that keeps a method and its result together. */
const schemasOf: {
  [M in RequestMethod]: { params: z.ZodType<RequestParams<M>>; result: z.ZodType<RequestResult<M>> };
} = requestSchemas;

export interface SessionLimits {
  readonly heartbeatMs: number;
  readonly ttlMs: number;
}

export interface RequestOptions {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

export type AgentNews = Extract<AgentFrame, { kind: 'status' | 'event' }>;

interface SessionOptions {
  readonly id: string;
  readonly label: string;
  readonly socket: WebSocket;
  readonly limits: SessionLimits;
  readonly clock: Clock;
  readonly log: Logger;
  /** Frames of its own accord, in order. A heartbeat is answered when all before it are dealt with. */
  readonly onNews: (news: AgentNews) => Promise<void>;
}

/** One connection epoch of one agent, from its welcome to its end. It dies with its socket, or of silence. */
export class AgentSession {
  readonly id: string;
  readonly #options: SessionOptions;
  readonly #ended = new AbortController();
  readonly #pending = new Map<number, Deferred<unknown>>();
  #lastRequest = 0;
  #heard: Promise<unknown> = Promise.resolve();
  #lastFrameMs: number;

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#lastFrameMs = options.clock.monotonicMs();
    options.socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    options.socket.on('close', (code) => this.#end(`the connection closed (${code})`));
    options.socket.on('error', (error) => options.log.debug('session socket failed', { error }));
    void this.#watch();
  }

  /** Aborts when the session has ended; its reason is the Failure that open requests get. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * The frame is on its way when this returns.
   *
   * @throws Failure with the agent's own code; `guest-not-connected` as soon as the session ends.
   * @throws DeadlineError, or the signal's reason.
   */
  async request<M extends RequestMethod>(
    method: M,
    params: RequestParams<M>,
    { deadlineMs, signal }: RequestOptions,
  ): Promise<RequestResult<M>> {
    this.ended.throwIfAborted();
    const id = ++this.#lastRequest;
    const answer = deferred<unknown>();
    this.#pending.set(id, answer);
    try {
      const schemas = schemasOf[method];
      this.send({ kind: 'request', id, method, params: schemas.params.parse(params) });
      const either = AbortSignal.any([signal, this.ended]);
      const what = `${method} in ${this.#options.label}`;
      const { clock } = this.#options;
      const result = await runWithin(either, deadlineMs, what, () => answer.promise, { clock });
      const parsed = schemas.result.safeParse(result);
      if (parsed.success) return parsed.data;
      throw new Failure('internal', `${this.#options.label} answered ${method} with something else`, {
        cause: new Error(z.prettifyError(parsed.error)),
      });
    } finally {
      this.#pending.delete(id);
    }
  }

  send(frame: ControllerFrame): void {
    this.#options.socket.send(JSON.stringify(controllerFrameSchema.parse(frame)));
  }

  /** Ends the session now; the socket follows. */
  close(code: number, reason: string): void {
    this.#end(reason);
    this.#options.socket.close(code, closeReason(reason));
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.ended.aborted) return;
    this.#lastFrameMs = this.#options.clock.monotonicMs();
    const frame = parseAgentFrame(data, isBinary);
    if (frame instanceof NewerFrame) {
      this.#options.log.debug('a newer agent has said more than this controller knows', {
        what: frame.message,
      });
      return;
    }
    if (frame instanceof Error) {
      this.close(closeCodes.policy, `not a frame of this protocol: ${frame.message}`);
      return;
    }
    switch (frame.kind) {
      case 'hello':
        this.close(closeCodes.policy, 'a second hello');
        return;
      case 'heartbeat':
        this.#heard = this.#acknowledge(this.#heard, frame.sequence);
        return;
      case 'status':
      case 'event':
        this.#heard = Promise.all([this.#heard, this.#options.onNews(frame)]);
        return;
      case 'result':
        // An answer that comes after its deadline has nobody waiting for it any more.
        this.#pending.get(frame.id)?.resolve(frame.result);
        return;
      case 'error': {
        const { code, message, hint, retryable } = frame.error;
        this.#pending.get(frame.id)?.reject(new Failure(code, message, { hint, retryable }));
        return;
      }
    }
  }

  /** It tells the agent that it may forget what it reported before. */
  async #acknowledge(heard: Promise<unknown>, sequence: number): Promise<void> {
    await heard;
    if (this.ended.aborted) return;
    this.send({ kind: 'heartbeat-ack', sequence, ttlMs: this.#options.limits.ttlMs });
  }

  async #watch(): Promise<void> {
    const { clock, limits, log, socket } = this.#options;
    try {
      for (;;) {
        const silentMs = clock.monotonicMs() - this.#lastFrameMs;
        if (silentMs >= limits.ttlMs) break;
        await clock.sleep(limits.ttlMs - silentMs, this.ended);
        // If it was this process that slept, the frames that came meanwhile are read before it is judged.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch {
      return; // the session has ended for another reason
    }
    log.warn('an agent fell silent', { ttlMs: limits.ttlMs });
    this.#end(`nothing was heard for ${limits.ttlMs} ms`);
    socket.terminate();
  }

  #end(reason: string): void {
    if (this.ended.aborted) return;
    const why = `the session of ${this.#options.label} ended: ${reason}`;
    this.#ended.abort(new Failure('guest-not-connected', why, { retryable: true }));
  }
}

/** A close frame carries at most 123 bytes of reason; a character that is cut in half becomes three. */
function closeReason(reason: string): string {
  return Buffer.from(reason).subarray(0, 120).toString();
}

/** Of a later minor version, which this one leaves out. */
class NewerFrame extends Error {}

/** The frame, or an Error that says what is wrong with it. */
export function parseAgentFrame(data: RawData, isBinary: boolean): AgentFrame | Error {
  if (isBinary) return new Error('a binary frame');
  let json: unknown;
  try {
    // `ws` hands over one Buffer unless told otherwise.
    json = JSON.parse(Buffer.isBuffer(data) ? data.toString('utf8') : '');
  } catch (error) {
    return error instanceof Error ? error : new Error('no JSON');
  }
  const read = readAgentFrame(json);
  switch (read.kind) {
    case 'frame':
      return read.frame;
    case 'newer':
      return new NewerFrame(read.what);
    case 'invalid':
      return new Error(read.problem);
  }
}
