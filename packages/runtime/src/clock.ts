/** Time as an argument, so that tests own it. */
export interface Clock {
  /** Wall clock, epoch milliseconds. It can step; use it for records, not for durations. */
  now(): number;
  /** Milliseconds since an arbitrary start; never steps back. It runs on while a guest is frozen. */
  monotonicMs(): number;
  /** Resolves after `ms` (at once when ≤ 0); rejects with the signal's reason when that aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The longest delay that a Node timer keeps; it fires at once for anything longer. */
export const MAX_SLEEP_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not of node:perf_hooks: what else is in that would be kept in memory by the agent.
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000n) / 1_000,
  sleep(ms, signal) {
    if (!(ms <= MAX_SLEEP_MS)) throw new RangeError(`cannot sleep for ${ms} ms`);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.max(0, ms),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
