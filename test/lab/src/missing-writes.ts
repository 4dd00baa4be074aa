import { missingOf } from './ack-log.ts';
import { readWrites } from './read-writes.ts';
import { streamsOf } from './stacks.ts';
import type { AckCollector, Guest, MissingWrites, StackName } from './types.ts';

/**
 * Looks in a restored guest's databases for every write of a stack that was acknowledged before the cut.
 * Numbers are compared run by run: the copy's own writer may already write, and its run is another one.
 *
 * `before` is the host's wall clock in ms at which the guest was frozen (or held); `guestAddress` is the
 * address of the guest that was backed up.
 * @throws Error when nothing was acknowledged (then nothing would be proven) or a database does not answer.
 */
export async function findMissingWrites(
  restored: Guest,
  collector: AckCollector,
  options: { before: number; guestAddress: string; runId?: string; stack?: StackName },
): Promise<MissingWrites[]> {
  const stack = options.stack ?? 'shop';
  const results: MissingWrites[] = [];
  for (const [stream, place] of streamsOf(stack)) {
    const acknowledged = collector
      .acknowledged(stream, { ...options, stack })
      .filter(({ runId }) => options.runId === undefined || runId === options.runId);
    if (acknowledged.length === 0) throw new Error(`no acknowledged write of ${stream} to look for`);
    const runIds = [...new Set(acknowledged.map(({ runId }) => runId))];
    const present = await readWrites(restored, stack, place, runIds);
    results.push({ stream, acknowledged: acknowledged.length, missing: missingOf(acknowledged, present) });
  }
  return results;
}
