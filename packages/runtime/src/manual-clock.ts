import { setImmediate } from 'node:timers/promises';
import { type Clock, MAX_SLEEP_MS } from './clock.ts';
import { deferred } from './deferred.ts';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** A clock for tests: time stands still until it is told to move. */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  readonly #epochMs: number;
  readonly #sleepers: Sleeper[] = [];
  readonly #watchers = new Set<() => void>();

  constructor(epochMs = Date.UTC(2026, 0, 1)) {
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#epochMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!(ms <= MAX_SLEEP_MS)) throw new RangeError(`cannot sleep for ${ms} ms`);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
        reject(signal?.reason);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const sleeper: Sleeper = { dueMs: this.#elapsedMs + Math.max(0, ms), wake };
      signal?.addEventListener('abort', onAbort, { once: true });
      // After those due at the same time: they fire in the order in which they went to sleep.
      const behind = this.#sleepers.findIndex((other) => other.dueMs > sleeper.dueMs);
      this.#sleepers.splice(behind === -1 ? this.#sleepers.length : behind, 0, sleeper);
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** How many sleeps are pending. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Resolves once at least `count` sleeps are pending: the code under test has come to its wait. */
  async whenSleeping(count = 1): Promise<void> {
    if (this.#sleepers.length >= count) return;
    const { promise, resolve } = deferred();
    const watcher = (): void => {
      if (this.#sleepers.length >= count) resolve();
    };
    this.#watchers.add(watcher);
    await promise;
    this.#watchers.delete(watcher);
  }

  /**
   * Moves time on and wakes the sleepers that come due, one by one, each at its own time. What a woken
   * sleeper does next without real I/O, a further sleep included, happens before the next one wakes.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await setImmediate();
    while (this.#sleepers[0] !== undefined && this.#sleepers[0].dueMs <= endMs) {
      const sleeper = this.#sleepers.shift();
      this.#elapsedMs = Math.max(this.#elapsedMs, sleeper?.dueMs ?? 0);
      sleeper?.wake();
      await setImmediate();
    }
    this.#elapsedMs = endMs;
  }

  /** What a process sees that was frozen: both clocks jump, then every timer that was due fires at once. */
  async freeze(ms: number): Promise<void> {
    this.#elapsedMs += ms;
    await this.advance(0);
  }
}
