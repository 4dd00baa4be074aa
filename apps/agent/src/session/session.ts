import type { AgentFrame, ControllerFrame, GuestStatus, Incarnation } from '@tacet/protocol';
import { type Clock, deferred, type Logger, orAborted, runWithin, TacetError } from '@tacet/runtime';
import { type Connection, dial, type FrameListener } from './connection.ts';
import type { EventLog } from './event-log.ts';
import type { Identity } from './identity-store.ts';
import { type AnswerRequest, idOfUnknownRequest } from './requests.ts';
import { Silence } from './silence.ts';
import { toWireError } from './wire-error.ts';

export type Welcome = Extract<ControllerFrame, { kind: 'welcome' }>;
type Request = Extract<ControllerFrame, { kind: 'request' }>;

export interface SessionContext {
  agentVersion: string;
  bootId: string;
  incarnation: Incarnation;
  status: { current(): GuestStatus; onChange(listener: () => void): () => void };
  events: EventLog;
  answer: AnswerRequest;
  /** Called with each welcome: who the controller takes this copy for. */
  onIdentity(identity: Welcome['identity']): Promise<void>;
  clock: Clock;
  log: Logger;
}

const openingMs = 15_000;
const backlogLimitBytes = 1024 * 1024;

/** One connection epoch, from the dialling to the end. Nothing of it is kept afterwards. */
export class Session implements FrameListener {
  readonly #context: SessionContext;
  readonly #agentSignal: AbortSignal;
  readonly #over = new AbortController();
  readonly #welcome = deferred<Welcome>();
  #connection: Connection | undefined;
  #identity: Welcome['identity'] | undefined;
  #silence: Silence | undefined;
  #ttlMs = Number.POSITIVE_INFINITY;
  #sentUpTo = 0;
  #statusIsStale = false;

  constructor(context: SessionContext, agentSignal: AbortSignal) {
    this.#context = context;
    this.#agentSignal = agentSignal;
  }

  /** Resolves with the reason of its end once a session was opened; rejects when none could be. */
  async run(identity: Identity): Promise<string> {
    const { clock, events, status } = this.#context;
    const within = <T>(what: string, work: (signal: AbortSignal) => Promise<T>, onLate?: (late: T) => void) =>
      runWithin(this.#agentSignal, openingMs, what, work, { clock, ...(onLate && { onLate }) });
    // It may be refused before anybody waits for it.
    this.#welcome.promise.catch(() => undefined);
    using connection = await within(
      'connecting to the controller',
      (signal) => dial(identity, this, signal),
      (late) => late[Symbol.dispose](),
    );
    this.#connection = connection;
    const stopListening = [events.onEmit(() => this.#flush()), status.onChange(() => this.#statusChanged())];
    try {
      this.#hello(identity.credential);
      const welcome = await within('the welcome of the controller', () =>
        Promise.race([this.#welcome.promise, connection.closed.then(failedBeforeWelcome)]),
      );
      events.emit('session.opened', `session with ${identity.controllerUrl} opened`);
      const why = await orAborted(
        Promise.race([connection.closed, this.#heartbeats(welcome.heartbeatMs)]),
        this.#agentSignal,
      );
      events.emit('session.closed', `session with ${identity.controllerUrl} ended: ${why}`);
      return why;
    } finally {
      for (const stop of stopListening) stop();
      this.#over.abort(new TacetError('the session has ended', { code: 'internal', retryable: true }));
    }
  }

  onFrame(frame: ControllerFrame): void {
    this.#silence?.heard();
    switch (frame.kind) {
      case 'welcome':
        void this.#welcomed(frame);
        return;
      case 'refused': {
        const { message, ...options } = frame.error;
        const refusal = new TacetError(`refused by the controller: ${message}`, options);
        this.#welcome.reject(refusal);
        this.#connection?.[Symbol.dispose]();
        return;
      }
      case 'heartbeat-ack':
        this.#ttlMs = frame.ttlMs;
        this.#context.events.acknowledge(Math.min(frame.sequence, this.#sentUpTo));
        return;
      case 'request':
        void this.#answer(frame);
    }
  }

  onInvalid(problem: string, received: unknown): void {
    this.#silence?.heard();
    this.#context.log.warn('a frame of the controller is not understood', { problem });
    const id = idOfUnknownRequest(received);
    if (id === undefined) return;
    const error = new TacetError(`this agent (${this.#context.agentVersion}) does not know that request`, {
      code: 'invalid-input',
      hint: 'Controller and agent may differ in version: update the older one.',
    });
    this.#send({ kind: 'error', id, error: toWireError(error) });
  }

  #hello(credential: string): void {
    const { agentVersion, bootId, incarnation, status } = this.#context;
    this.#send({ kind: 'hello', agentVersion, credential, bootId, incarnation, status: status.current() });
  }

  async #welcomed(welcome: Welcome): Promise<void> {
    this.#identity = welcome.identity;
    this.#ttlMs = welcome.ttlMs;
    // Its failures are the callee's: a full disk must not cost the session.
    await this.#context.onIdentity(welcome.identity);
    this.#welcome.resolve(welcome);
    this.#statusIsStale = true;
    this.#flush();
  }

  /** @returns why the peer is given up. */
  async #heartbeats(everyMs: number): Promise<string> {
    const { clock, events } = this.#context;
    this.#silence = new Silence(everyMs, clock.monotonicMs());
    for (;;) {
      await clock.sleep(everyMs, this.#over.signal);
      const silentMs = this.#silence.tick(clock.monotonicMs());
      if (silentMs > this.#ttlMs) return `nothing heard of the controller for ${Math.round(silentMs)} ms`;
      this.#flush();
      this.#send({ kind: 'heartbeat', sequence: events.nextSequence() });
    }
  }

  async #answer({ id, method, params }: Request): Promise<void> {
    try {
      if (this.#identity === undefined)
        throw new TacetError('no request before the welcome', { code: 'wrong-state' });
      if (this.#identity.kind === 'quarantined') throw quarantined(this.#identity.reason);
      // Nobody hears the answer once the session is over: a hold that nobody confirms is ended at once. A
      // thaw goes on.
      const signal = method === 'thaw' ? this.#agentSignal : this.#over.signal;
      const result = await this.#context.answer(method, params, signal);
      this.#send({ kind: 'result', id, result });
    } catch (error) {
      this.#context.log.warn(`request ${method} failed`, { method, error });
      this.#send({ kind: 'error', id, error: toWireError(error) });
    }
  }

  /** Changes come in bunches: one frame for all of a turn of the event loop. */
  #statusChanged(): void {
    if (this.#statusIsStale) return;
    this.#statusIsStale = true;
    setImmediate(() => this.#flush());
  }

  /** Sends what waits, as far as the connection takes it; the rest goes with the next heartbeat. */
  #flush(): void {
    const { events, status } = this.#context;
    if (this.#identity === undefined || this.#over.signal.aborted) return;
    for (const { sequence, event } of events.pending(this.#sentUpTo)) {
      if ((this.#connection?.backlogBytes ?? 0) > backlogLimitBytes) return;
      this.#sentUpTo = sequence;
      this.#report({ kind: 'event', sequence, event });
    }
    if (!this.#statusIsStale) return;
    this.#statusIsStale = false;
    this.#report({ kind: 'status', sequence: events.nextSequence(), status: status.current() });
  }

  /** Whoever makes news (a thaw, say) must not fail because its news cannot be told. */
  #report(frame: AgentFrame): void {
    try {
      this.#send(frame);
    } catch (error) {
      this.#context.log.error('a frame that the protocol does not allow is left out', { frame, error });
    }
  }

  #send(frame: AgentFrame): void {
    this.#connection?.send(frame);
  }
}

function quarantined(reason: string): TacetError {
  return new TacetError(`this copy of a guest is quarantined: ${reason}`, {
    code: 'guest-quarantined',
    hint: 'Adopt it as a guest of its own, or turn it away.',
  });
}

function failedBeforeWelcome(why: string): never {
  throw new TacetError(`the session ended before the welcome: ${why}`, {
    code: 'node-unreachable',
    retryable: true,
  });
}
