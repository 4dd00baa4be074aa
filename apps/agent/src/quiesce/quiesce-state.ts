import { nextQuiesceState, type QuiesceTransition } from '@tacet/core';
import type { QuiesceState } from '@tacet/protocol';
import { type Logger, TacetError } from '@tacet/runtime';

/** The state of the guest's quiesce. It changes here and nowhere else, and every change is logged. */
export class QuiesceStateHolder {
  readonly #logger: Logger;
  readonly #listeners = new Set<(state: QuiesceState) => void>();
  #current: QuiesceState = 'idle';

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get current(): QuiesceState {
    return this.#current;
  }

  /** @throws TacetError `wrong-state` where the machine has no such transition. */
  transition(transition: QuiesceTransition, operationId: string): void {
    const next = nextQuiesceState(this.#current, transition);
    if (!next) {
      throw new TacetError(`${transition} is not possible while ${this.#current}`, { code: 'wrong-state' });
    }
    this.#set(next, transition, operationId);
  }

  /** What the journal says that an earlier process had come to. */
  inherit(state: QuiesceState, operationId: string): void {
    this.#set(state, 'inherited', operationId);
  }

  onChange(listener: (state: QuiesceState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For changes of what belongs to the state without being it. */
  notify(): void {
    for (const listener of this.#listeners) listener(this.#current);
  }

  #set(state: QuiesceState, because: string, operationId: string): void {
    this.#logger.info(`${this.#current} → ${state}`, { because, operationId });
    this.#current = state;
    this.notify();
  }
}
