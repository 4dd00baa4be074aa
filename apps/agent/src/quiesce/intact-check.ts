import { type Clock, describeError, type Logger, runWithin } from '@tacet/runtime';
import type { ServiceHold } from '../methods/method.ts';

/**
 * They stand still meanwhile, so there is no time for second chances. What the kernel is asked takes none; an
 * engine on a busy machine may need more than a second, and without its word nothing is proven.
 */
const checkMs = 3_000;

/**
 * Whether it is seen to hold still, right before its thaw. One that cannot be asked is not seen. Never rejects.
 * @returns why not, in words; undefined where it holds.
 */
export async function whyNotHeld(
  hold: ServiceHold,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<string | undefined> {
  const look = (signal: AbortSignal): Promise<boolean> => hold.letGo?.(signal) ?? hold.isHeld(signal);
  try {
    if (await runWithin(undefined, checkMs, 'the last look', look, { clock })) return undefined;
    logger.warn('no longer held at the end', { ...hold.record });
    return lossOf(hold.record);
  } catch (error) {
    logger.warn('not seen held at the end', { ...hold.record, error });
    return describeError(error);
  }
}

function lossOf({ action, method }: ServiceHold['record']): string {
  switch (action) {
    case 'lock':
      return `the lock of ${method} was gone`;
    case 'freeze':
      return 'its processes were not frozen';
    case 'pause':
      return 'it was not paused';
    case 'stop':
      return 'it had been started';
  }
}

/**
 * Of each container the hold that was taken last: nobody can ask what lies beneath it. A lock in a frozen
 * container is looked at when that is thawed, and before the lock itself is.
 */
export function outermost(holds: readonly ServiceHold[]): ServiceHold[] {
  return [...new Map(holds.map((hold) => [hold.record.containerId, hold])).values()];
}
