import type { AckCollector, WriteStream } from '@tacet/lab';
import { systemClock } from '@tacet/runtime';
import type { Scene, Strategy } from './strategies.ts';

/** After a `compose stop` clients reconnect, and databases recover. */
const flowDeadlineMs = 180_000;
/** Long enough for every stream to be seen writing again. */
const marginMs = 300;
/** So that each repetition finds the same load. */
const settleMs = 2_500;

export interface Measurement {
  strategy: string;
  /** Of the snapshot; it exists where the strategy makes one. */
  snapshot: string;
  /** Host time until which everything acknowledged must be in the snapshot. */
  before: number;
  /** The longest time without an acknowledged write around the snapshot, in ms. */
  gapMs: Partial<Record<WriteStream, number>>;
  /** The same from the beginning of the preparation. */
  wholeGapMs: Partial<Record<WriteStream, number>>;
}

/** One repetition of one strategy, with everything flowing before and after. */
export async function measure(
  strategy: Strategy,
  snapshot: string,
  scene: Scene,
  collector: AckCollector,
  streams: readonly WriteStream[],
): Promise<Measurement> {
  const guestAddress = scene.guest.address();
  const flows = async (): Promise<void> => {
    const signal = AbortSignal.timeout(flowDeadlineMs);
    await Promise.all(streams.map((stream) => collector.next(stream, guestAddress, signal)));
  };
  await strategy.setUp?.(scene);
  await flows();
  await systemClock.sleep(settleMs);
  const beginning = Date.now();
  await strategy.prepare?.(scene);
  await systemClock.sleep(marginMs);
  const from = Date.now() - marginMs;
  const before = await strategy.snapshot(scene, snapshot);
  await flows();
  await systemClock.sleep(marginMs);
  const to = Date.now();
  await strategy.finish?.(scene);
  const gaps = (since: number): Measurement['gapMs'] =>
    Object.fromEntries(
      streams.map((stream) => [stream, collector.longestGap(stream, { from: since, to, guestAddress })]),
    );
  return { strategy: strategy.name, snapshot, before, gapMs: gaps(from), wholeGapMs: gaps(beginning) };
}
