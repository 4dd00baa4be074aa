import { type Clock, systemClock } from './clock.ts';
import { TacetError } from './errors.ts';

export class DeadlineError extends TacetError {
  readonly what: string;
  readonly afterMs: number;

  constructor(what: string, afterMs: number, options: { cause?: unknown } = {}) {
    super(`${what} took longer than ${afterMs} ms`, {
      code: 'deadline-exceeded',
      retryable: true,
      ...options,
    });
    this.what = what;
    this.afterMs = afterMs;
  }
}

export interface Deadline extends Disposable {
  /** Aborts with the parent's reason, or with a `DeadlineError`, whichever comes first. */
  readonly signal: AbortSignal;
}

/**
 * `using deadline = withDeadline(signal, 5_000, 'the checkpoint of db')`: a signal that also aborts after
 * `ms`. Leaving the scope clears the timer and lets go of the parent.
 */
export function withDeadline(
  parent: AbortSignal | undefined,
  ms: number,
  what: string,
  clock: Clock = systemClock,
): Deadline {
  const either = new AbortController();
  // Joined by hand: AbortSignal.any of Node 20 keeps something of every signal for as long as its source lives.
  const onParentAbort = (): void => either.abort(parent?.reason);
  if (parent?.aborted) onParentAbort();
  else parent?.addEventListener('abort', onParentAbort, { once: true });
  const cancelTimer = new AbortController();
  void clock.sleep(ms, cancelTimer.signal).then(
    () => either.abort(new DeadlineError(what, ms)),
    () => undefined, // disposed of before it expired
  );
  return {
    signal: either.signal,
    [Symbol.dispose]: () => {
      cancelTimer.abort();
      parent?.removeEventListener('abort', onParentAbort);
    },
  };
}

/**
 * Runs `work` under a deadline and settles no later than it, even when `work` ignores its signal. A result
 * that comes too late is handed to `onLate`, so that what it opened can be closed.
 */
export async function runWithin<T>(
  parent: AbortSignal | undefined,
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
  options: { clock?: Clock; onLate?: (result: T) => void } = {},
): Promise<T> {
  using deadline = withDeadline(parent, ms, what, options.clock);
  return await orAborted(work(deadline.signal), deadline.signal, options.onLate);
}

/** The outcome of `work`, or the signal's reason if that aborts first; what comes later goes to `onLate`. */
export function orAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  onLate?: (result: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason);
      void work.then(onLate, () => undefined); // its failure is no news any more
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = async (): Promise<void> => {
      try {
        resolve(await work);
      } catch (error) {
        reject(error);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    };
    void settle();
  });
}
