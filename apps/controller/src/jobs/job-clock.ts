import type { Clock } from '@tacet/runtime';

/**
 * Epoch milliseconds that never step back within one job: the wall clock read once, the monotonic clock
 * since. A verdict compares moments, and a stepped clock must not forge or spoil a proof.
 */
export type JobClock = () => number;

export function jobClock(clock: Clock): JobClock {
  const offsetMs = clock.now() - clock.monotonicMs();
  return () => Math.floor(offsetMs + clock.monotonicMs());
}
