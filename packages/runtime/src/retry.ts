import { type Clock, systemClock } from './clock.ts';
import { DeadlineError, withDeadline } from './deadline.ts';

export interface BackoffOptions {
  /** Upper bound of the first delay; it doubles with every further one. */
  readonly baseMs: number;
  /** Upper bound of every delay. */
  readonly capMs: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/**
 * Endless delays, exponential with full jitter: each is uniform between 0 and its bound, so that many
 * agents which lost the same controller do not come back in step.
 */
export function* backoff(options: BackoffOptions): Generator<number, never> {
  const random = options.random ?? Math.random;
  for (let boundMs = options.baseMs; ; boundMs = Math.min(options.capMs, boundMs * 2)) {
    yield random() * Math.min(options.capMs, boundMs);
  }
}

export interface RetryOptions extends BackoffOptions {
  /** What is tried, for the error's message. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Calls in all. Unlimited unless given. */
  readonly attempts?: number;
  /** For all attempts and the waits between them. Unlimited unless given. */
  readonly deadlineMs?: number;
  readonly retryable: (error: unknown) => boolean;
  readonly onRetry?: (error: unknown, delayMs: number) => void;
}

/**
 * Calls `work` until it succeeds. Throws its last error as it is when that is not retryable or the attempts
 * are used up, a `DeadlineError` caused by it when time is, and the signal's reason when that aborts.
 */
export async function retry<T>(
  work: (signal: AbortSignal, attempt: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const clock = options.clock ?? systemClock;
  using deadline =
    options.deadlineMs === undefined
      ? undefined
      : withDeadline(options.signal, options.deadlineMs, options.what, clock);
  const signal = deadline?.signal ?? options.signal;
  let lastError: unknown;
  let attempt = 0;
  try {
    for (const delayMs of backoff(options)) {
      signal.throwIfAborted();
      attempt += 1;
      try {
        return await work(signal, attempt);
      } catch (error) {
        if (signal.aborted) throw error;
        lastError = error;
        if (attempt === options.attempts || !options.retryable(error)) throw error;
        options.onRetry?.(error, delayMs);
      }
      await clock.sleep(delayMs, signal);
    }
    throw lastError;
  } catch (error) {
    const expired = signal.aborted && signal.reason instanceof DeadlineError && !options.signal.aborted;
    if (expired) throw new DeadlineError(options.what, options.deadlineMs ?? 0, { cause: lastError });
    throw error;
  }
}
