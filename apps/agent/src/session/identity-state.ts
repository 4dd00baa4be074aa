import { Listeners } from '../listeners.ts';

/** Who this copy is, as far as the controller has said so. It outlives a session: a copy stays that copy. */
export type IdentityState =
  | { kind: 'not-enrolled' }
  | { kind: 'unasked' }
  /** Nobody has answered within the grace. */
  | { kind: 'alone' }
  | { kind: 'verified'; vmid: number }
  | { kind: 'quarantined'; reason: string }
  | { kind: 'refused'; message: string };

/** The one setter of the identity, and who wants to know. */
export class IdentityHolder {
  #state: IdentityState = { kind: 'unasked' };
  readonly #listeners = new Listeners();

  get state(): IdentityState {
    return this.#state;
  }

  set(state: IdentityState): void {
    this.#state = state;
    this.#listeners.notify();
  }

  /** @returns how to stop listening. */
  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }
}
