import type { GuestFacts, QuiesceState } from '@tacet/protocol';
import { type Clock, type Logger, runWithin } from '@tacet/runtime';
import type { Engine } from '../engine/engine.ts';
import type { GuestHost } from '../guest/guest.ts';
import { Listeners } from '../listeners.ts';
import type { Wakeup } from '../wakeup.ts';
import { lookAtGuest } from './guest-facts.ts';

/** The newest facts; undefined until the engine has answered once. */
export class FactsBoard {
  readonly #changed = new Listeners();
  #facts: GuestFacts | undefined;

  get current(): GuestFacts | undefined {
    return this.#facts;
  }

  /** @returns how to stop listening. */
  onChange(listener: () => void): () => void {
    return this.#changed.add(listener);
  }

  report(facts: GuestFacts): void {
    if (JSON.stringify(facts) === JSON.stringify(this.#facts)) return;
    this.#facts = facts;
    this.#changed.notify();
  }
}

export interface FactsOptions {
  engine: Engine;
  host: Pick<GuestHost, 'mounts'>;
  board: FactsBoard;
  /** Notified when a container or the engine changes. */
  wakeup: Wakeup;
  quiesceState: () => QuiesceState;
  clock: Clock;
  log: Logger;
}

const lookMs = 10_000;
/** Mounts change without a word. */
const everyMs = 600_000;
/** Changes come in bunches, and these facts are in no hurry. */
const leastPauseMs = 5_000;

/** Looks again when the engine changes, seldom otherwise, and never while a hold is wanted. */
export async function keepFacts(options: FactsOptions, signal: AbortSignal): Promise<void> {
  const { engine, host, board, wakeup, quiesceState, clock, log } = options;
  for (;;) {
    const isFree = quiesceState() === 'idle';
    if (isFree) {
      try {
        const look = (within: AbortSignal): Promise<GuestFacts> => lookAtGuest(engine, host, within);
        board.report(await runWithin(signal, lookMs, 'looking at the guest', look, { clock }));
      } catch (error) {
        signal.throwIfAborted();
        // Readiness tells of an engine that is away; what was seen before stays.
        log.debug('the facts of this guest could not be seen', { error });
      }
    }
    await clock.sleep(leastPauseMs, signal);
    await wakeup.wait(isFree ? everyMs : leastPauseMs, signal);
  }
}
