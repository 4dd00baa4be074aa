import { Undelivered } from './channels/undelivered.ts';

export interface AttemptLimits {
  /** Upper bound of the first delay; it doubles with each. */
  readonly baseMs: number;
  /** The same where the other side has refused: somebody has to change something first. */
  readonly refusedBaseMs: number;
  readonly capMs: number;
  /** Nothing is tried for longer. */
  readonly deadlineMs: number;
}

export const attemptLimits: AttemptLimits = {
  baseMs: 5_000,
  refusedBaseMs: 300_000,
  capMs: 900_000,
  deadlineMs: 6 * 3_600_000,
};

interface Failed {
  readonly error: unknown;
  /** So far, this one included. */
  readonly attempts: number;
  /** From when on the deadline counts. */
  readonly since: number;
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** When a message is tried again that did not arrive; null where it is given up. */
export function nextAttemptAt(
  { error, attempts, since, now, random }: Failed,
  limits: AttemptLimits,
): number | null {
  const isRefused = error instanceof Undelivered && error.refused;
  const baseMs = isRefused ? limits.refusedBaseMs : limits.baseMs;
  // 2^30 is beyond every cap, and still a number.
  const boundMs = Math.min(limits.capMs, baseMs * 2 ** Math.min(30, attempts - 1));
  const delayMs = boundMs / 2 + (random() * boundMs) / 2;
  const wantedMs = (error instanceof Undelivered ? error.retryAfterMs : undefined) ?? 0;
  const at = Math.ceil(now + Math.max(delayMs, wantedMs));
  return at - since > limits.deadlineMs ? null : at;
}
