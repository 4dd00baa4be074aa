import { type StoredEvent, storedEventSchema } from '@tacet/protocol';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';

const RETRY_MS = 1_000;
/** A controller may restart meanwhile. */
const PATIENCE_MS = 30_000;

/**
 * What happens from `after` on, until Ctrl-C. A controller that is away for a while costs no event.
 *
 * @throws CliError when it stays away, or whose token it is may no longer be there
 */
export async function* liveEvents(
  after: number,
  { api, clock, signal }: Context,
): AsyncIterable<StoredEvent> {
  let last = after;
  let goneSinceMs: number | undefined;
  const isHere = (): void => {
    goneSinceMs = undefined;
  };
  for (;;) {
    try {
      const path = `/events/stream?after=${last}`;
      for await (const event of api.stream(storedEventSchema, path, signal, isHere)) {
        last = event.sequence;
        yield event;
      }
    } catch (error) {
      const isGone = error instanceof CliError && error.exitCode === exitCodes.unreachable;
      const now = clock.monotonicMs();
      goneSinceMs ??= now;
      if (!isGone || now - goneSinceMs > PATIENCE_MS) throw error;
    }
    await clock.sleep(RETRY_MS, signal);
  }
}
