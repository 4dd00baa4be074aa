import { describeError, systemClock } from '@tacet/runtime';

const pollMs = 100;

/**
 * Looks until it sees something other than undefined. What throws has not been seen yet: things are broken on
 * purpose here, and an engine that was killed refuses for a while.
 *
 * @throws Error at the deadline, with what stood in the way last.
 */
export async function until<T>(
  what: string,
  ms: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const startedMs = performance.now();
  for (;;) {
    let obstacle: unknown;
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
    } catch (error) {
      obstacle = error;
    }
    if (performance.now() - startedMs > ms) {
      const why = obstacle === undefined ? '' : `: ${describeError(obstacle)}`;
      throw new Error(`not within ${ms} ms: ${what}${why}`, { cause: obstacle });
    }
    await systemClock.sleep(pollMs);
  }
}
