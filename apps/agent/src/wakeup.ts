import type { Clock } from '@tacet/runtime';

/** Lets a loop wait for a signal or a timer, whichever comes first. A signal between two waits is kept. */
export class Wakeup {
  readonly #clock: Clock;
  #signalled = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  notify(): void {
    this.#signalled = true;
    this.#wake?.();
  }

  /** For one loop at a time. Rejects with the signal's reason. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#signalled) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      // Not AbortSignal.any: Node 20 never forgets what was once joined to a signal that lives on.
      signal.addEventListener('abort', this.#wake, { once: true });
      // Rejects when woken, which is no failure.
      await this.#clock.sleep(ms, woken.signal).catch(() => undefined);
      signal.removeEventListener('abort', this.#wake);
      this.#wake = undefined;
    }
    this.#signalled = false;
    signal.throwIfAborted();
  }
}
