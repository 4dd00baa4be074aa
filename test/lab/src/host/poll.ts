import { setTimeout as delay } from 'node:timers/promises';

export interface PollOptions {
  what: string;
  timeoutMs: number;
  intervalMs?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Asks until the answer is something other than undefined, for states that can only be asked for.
 * @throws Error naming `what` at the deadline; the signal's reason when aborted.
 */
export async function pollUntil<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  options: PollOptions,
): Promise<T> {
  const startedMs = performance.now();
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() - startedMs > options.timeoutMs) {
      throw new Error(`${options.what}: not within ${options.timeoutMs} ms`);
    }
    await delay(options.intervalMs ?? 50, undefined, options.signal ? { signal: options.signal } : {});
  }
}
