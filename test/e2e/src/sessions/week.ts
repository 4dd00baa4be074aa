import {
  type Condition,
  conditionStatusSchema,
  conditionTypeSchema,
  type QuiesceState,
  quiesceStateSchema,
} from '@tacet/protocol';

/** What a round of readiness says of one condition. */
export type Finding = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** What happens in one moment of a guest's week. */
export type Happening = { afterMs: number } & (
  | { kind: 'finding'; finding: Finding }
  | { kind: 'quiesce'; state: QuiesceState }
  | { kind: 'event'; message: string }
  /** The wire: see `CuttableWire`. `late` is `loseNearEnds`, with the delivery after the agent is back. */
  | { kind: 'cut' | 'stall-and-cut' | 'stall-and-flow' | 'late' }
  | { kind: 'agent-restart' | 'controller-restart' }
);

const weekMs = 7 * 24 * 3_600_000;
const reasons = ['AllRunning', 'NotRunning', 'Healing', 'Held', 'Starting'];

/** As often as they are, relative to each other. */
const weights: readonly [Happening['kind'], number][] = [
  ['finding', 640],
  ['quiesce', 120],
  ['event', 120],
  ['cut', 20],
  ['stall-and-cut', 10],
  ['stall-and-flow', 10],
  ['late', 12],
  ['agent-restart', 6],
  ['controller-restart', 2],
];

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A week, one happening in some five minutes on average; the same for the same seed. */
export function* week(seed: number): Generator<Happening> {
  const random = randomOf(seed);
  const pick = <T>(from: readonly T[]): T => {
    const found = from[Math.floor(random() * from.length)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  };
  const sum = weights.reduce((total, [, weight]) => total + weight, 0);
  for (let atMs = 0; atMs < weekMs;) {
    const afterMs = 1 + Math.floor(-Math.log(1 - random()) * 300_000);
    atMs += afterMs;
    let left = random() * sum;
    const [kind] = weights.find(([, weight]) => (left -= weight) < 0) ?? ['finding'];
    switch (kind) {
      case 'finding': {
        const type = pick(conditionTypeSchema.options);
        const status = pick(conditionStatusSchema.options);
        const finding = { type, status, reason: pick(reasons), message: `said after ${atMs} ms` };
        yield { afterMs, kind, finding };
        break;
      }
      case 'quiesce':
        yield { afterMs, kind, state: pick(quiesceStateSchema.options) };
        break;
      case 'event':
        yield { afterMs, kind, message: `it happened after ${atMs} ms` };
        break;
      case 'cut':
      case 'stall-and-cut':
      case 'stall-and-flow':
      case 'late':
      case 'agent-restart':
      case 'controller-restart':
        yield { afterMs, kind };
    }
  }
}
