import { type Clock, type Logger, runWithin } from '@tacet/runtime';
import type { ServiceHold } from './method.ts';

/**
 * They stand still meanwhile, so there is no time for second chances. What the kernel is asked takes none; an
 * engine on a busy machine may need more than a second, and without its word nothing is proven.
 */
const checkMs = 3_000;

/** Which holds are seen to hold still, all asked at once. One that cannot be asked is not seen. */
export async function stillHeld(
  holds: Iterable<ServiceHold>,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<Set<ServiceHold>> {
  const seen = new Set<ServiceHold>();
  await Promise.all(
    [...holds].map(async (hold) => {
      try {
        const held = await runWithin(undefined, checkMs, 'the last look', (signal) => hold.isHeld(signal), {
          clock,
        });
        if (held) seen.add(hold);
        else logger.warn('no longer held at the end', { ...hold.record });
      } catch (error) {
        logger.warn('not seen held at the end', { ...hold.record, error });
      }
    }),
  );
  return seen;
}
