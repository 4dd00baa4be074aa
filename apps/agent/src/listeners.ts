/** Who wants to be told that something changed. Telling is synchronous; listeners look for themselves. */
export class Listeners {
  readonly #listeners = new Set<() => void>();

  /** @returns how to stop listening. */
  add(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
