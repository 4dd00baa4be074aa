import { orAborted } from './deadline.ts';
import { deferred } from './deferred.ts';
import { TacetError } from './errors.ts';

/**
 * Work serialised per key. What always holds:
 *
 * 1. At most one piece of work per key runs; different keys do not wait for each other.
 * 2. Work of one key starts in the order in which it was asked for.
 * 3. Cancelled while waiting: it never starts. Cancelled while running: its signal aborts, and the key stays
 *    taken until the work has really settled, so that its clean-up cannot overlap with the next one's start.
 * 4. A failure is its caller's alone; the next in line starts as if nothing had happened.
 * 5. Nothing starts after `close()`, and `close()` settles only when nothing runs.
 *
 * Asking for the same key from inside its own work waits for itself: do not.
 */
export class ExclusiveRunner<Key = string> {
  readonly #tails = new Map<Key, Promise<unknown>>();
  readonly #closing = new AbortController();

  /** True while work for the key runs or waits. */
  isBusy(key: Key): boolean {
    return this.#tails.has(key);
  }

  async run<T>(key: Key, work: (signal: AbortSignal) => Promise<T>, parent?: AbortSignal): Promise<T> {
    const signals = parent === undefined ? [] : [parent];
    const signal = AbortSignal.any([...signals, this.#closing.signal]);
    signal.throwIfAborted();

    const before = this.#tails.get(key);
    const done = deferred();
    // A place that is given up while waiting must still wait for those before it (invariant 1).
    const tail = Promise.all([before, done.promise]);
    this.#tails.set(key, tail);
    void tail.finally(() => this.#tails.get(key) === tail && this.#tails.delete(key));
    try {
      if (before !== undefined) await orAborted(before, signal);
      signal.throwIfAborted();
      return await work(signal);
    } finally {
      done.resolve();
    }
  }

  /** Aborts what runs, turns away what waits and what comes, and waits for the end of all of it. */
  async close(
    reason: unknown = new TacetError('no longer accepting work', { code: 'closed' }),
  ): Promise<void> {
    this.#closing.abort(reason);
    await Promise.all(this.#tails.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
