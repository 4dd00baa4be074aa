import { type Clock, type Logger, runWithin } from '@tacet/runtime';
import type { ServiceHold } from './method.ts';

/** They stand still meanwhile, so there is no time for second chances. */
const checkMs = 1_000;

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
      } catch (error) {
        logger.warn('not seen held at the end', { ...hold.record, error });
      }
    }),
  );
  return seen;
}
