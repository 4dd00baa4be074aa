import { type Clock, systemClock } from '@tacet/runtime';

/** A clock on which everything takes a fraction of its time: real waits, in a real order, soon over. */
export function scaledClock(factor: number): Clock {
  const startMs = systemClock.monotonicMs();
  const monotonicMs = (): number => (systemClock.monotonicMs() - startMs) * factor;
  return {
    monotonicMs,
    now: () => Date.UTC(2026, 0, 1) + Math.floor(monotonicMs()),
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}
