import { type Clock, type Logger, runWithin } from '@tacet/runtime';
import type { GuestHost } from '../guest/guest.ts';

/** The share of a hold's deadline that a sync in it may take; there are two at most. */
const share = 0.3;

/** While writes still go on: what is dirty when they stop is what the snapshot makes everybody wait for. */
export async function syncBeforeHold(
  { host, clock, logger }: { host: GuestHost; clock: Clock; logger: Logger },
  deadlineMs: number,
  signal: AbortSignal,
): Promise<void> {
  const sync = (within: AbortSignal): Promise<void> => host.syncFilesystems(within);
  try {
    await runWithin(signal, deadlineMs * share, 'the last sync', sync, { clock });
  } catch (error) {
    signal.throwIfAborted();
    // It would only have made the stall shorter.
    logger.warn('not synced right before the hold', { error });
  }
}
