import type { QuiesceState } from '@tacet/protocol';
import { type Clock, silentLogger, systemClock } from '@tacet/runtime';
import { StatusBoard } from '@tacet/agent/src/readiness/status-board.ts';
import { EventLog } from '@tacet/agent/src/session/event-log.ts';
import { IdentityHolder } from '@tacet/agent/src/session/identity-state.ts';
import { IdentityStore } from '@tacet/agent/src/session/identity-store.ts';
import { requestAnswerer } from '@tacet/agent/src/session/requests.ts';
import { keepSession } from '@tacet/agent/src/session/session-loop.ts';
import { fakeIncarnation } from '@tacet/controller/testing';

/** Its wall clock is the week's; what it waits for takes as long as it takes. */
export class WeekClock implements Clock {
  #now = Date.UTC(2026, 0, 5);

  now(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  pass(ms: number): void {
    this.#now += ms;
  }
}

function unasked(): never {
  throw new Error('nobody asks this agent for anything');
}

/** The part of an agent that tells: its board, its events and its session, and nothing of a guest. */
export class WiredAgent implements AsyncDisposable {
  readonly board: StatusBoard;
  readonly events: EventLog;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** How often a controller has let it in. */
  welcomes = 0;
  #quiesceState: QuiesceState = 'idle';

  constructor(stateDir: string, clock: Clock, bootId: string) {
    const log = silentLogger;
    this.events = new EventLog({ clock, log });
    this.board = new StatusBoard({ quiesceState: () => this.#quiesceState, events: this.events, clock });
    const identity = new IdentityHolder();
    identity.onChange(() => {
      if (identity.state.kind === 'verified') this.welcomes += 1;
    });
    this.#running = keepSession(
      {
        agentVersion: '0.0.0',
        bootId,
        incarnation: fakeIncarnation(101),
        status: this.board,
        events: this.events,
        answer: requestAnswerer({
          prepare: unasked,
          hold: unasked,
          renew: unasked,
          thaw: unasked,
          'thaw-now': unasked,
          plan: unasked,
        }),
        clock,
        log,
        identities: new IdentityStore(stateDir, { log, clock }),
        identity,
        // It comes back at once.
        regeneration: { begin: () => undefined },
        random: () => 0,
      },
      this.#stop.signal,
    );
  }

  set quiesceState(state: QuiesceState) {
    this.#quiesceState = state;
    this.board.touch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('this agent ends'));
    await this.#running.catch(() => undefined);
  }
}
