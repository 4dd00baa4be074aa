import { stacks } from './stacks.ts';
import type { Acknowledgement, StackName, WriteStream } from './types.ts';

// What the collector computes from acknowledgements; times are the host's wall clock in ms.

export interface GapWindow {
  from: number;
  to: number;
  guestAddress: string;
}

export type Report = Pick<Acknowledgement, 'runId' | 'stack' | 'stream' | 'seq'>;

/** Parses a line of the writer; undefined when it is not one. */
export function parseReport(line: string): Report | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // A line that was cut off with its connection: the write was never fully reported.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { runId, stack, stream, seq } = value as Record<string, unknown>;
  if (typeof runId !== 'string' || typeof seq !== 'number') return undefined;
  if (typeof stack !== 'string' || !Object.hasOwn(stacks, stack)) return undefined;
  const name = stack as StackName;
  if (typeof stream !== 'string' || !Object.hasOwn(stacks[name].streams, stream)) return undefined;
  return { runId, stack: name, stream: stream as WriteStream, seq };
}

/**
 * The longest time without an acknowledgement within the window, its edges included: silence up to an edge
 * counts up to there, and a window without any acknowledgement is one whole gap.
 */
export function longestGap(all: readonly Acknowledgement[], stream: WriteStream, window: GapWindow): number {
  let longestMs = 0;
  let last = window.from;
  for (const { atMs } of within(all, stream, window)) {
    longestMs = Math.max(longestMs, atMs - last);
    last = atMs;
  }
  return Math.max(longestMs, window.to - last);
}

/** Acknowledged writes per second. */
export function writeRate(all: readonly Acknowledgement[], stream: WriteStream, window: GapWindow): number {
  return within(all, stream, window).length / ((window.to - window.from) / 1000);
}

function within(all: readonly Acknowledgement[], stream: WriteStream, window: GapWindow): Acknowledgement[] {
  return all.filter(
    (ack) =>
      ack.stream === stream &&
      ack.guestAddress === window.guestAddress &&
      ack.atMs >= window.from &&
      ack.atMs <= window.to,
  );
}

/** Acknowledged numbers of each run that the database does not have. */
export function missingOf(
  acknowledged: readonly Acknowledgement[],
  present: ReadonlyMap<string, ReadonlySet<number>>,
): { runId: string; seq: number }[] {
  return acknowledged
    .filter(({ runId, seq }) => !present.get(runId)?.has(seq))
    .map(({ runId, seq }) => ({ runId, seq }));
}
