import { parseArgs } from 'node:util';
import { openLabStage, VzdumpHook } from '@tacet/demo';
import { type Lab, streamsOf, type WriteStream } from '@tacet/lab';
import { describeSamples, median } from '../samples.ts';
import { measure, type Measurement } from './measure.ts';
import { compareRestores } from './restores.ts';
import { strategies, type Strategy } from './strategies.ts';
import { formatTable } from './table.ts';

const vmid = 301;
const patienceS = 20;

export interface StallOptions {
  /** Of each strategy. */
  repetitions: number;
  /** Whether the snapshots are restored and looked into. */
  restore: boolean;
}

/** `[--repetitions N] [--restore]`. @throws TypeError for anything else */
export function stallOptions(argv: string[]): StallOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      repetitions: { type: 'string', default: '15' },
      restore: { type: 'boolean', default: false },
    },
  });
  const repetitions = Number(values.repetitions);
  if (!Number.isInteger(repetitions) || repetitions < 1) throw new TypeError('--repetitions wants a number');
  return { repetitions, restore: values.restore };
}

/**
 * The write stall of every engine around a snapshot, strategy by strategy in turns, so that whatever the machine
 * does meanwhile is done to all of them; and what a restore of each snapshot brings back.
 */
export async function stall(
  lab: Lab,
  { repetitions, restore }: StallOptions,
  signal: AbortSignal,
): Promise<void> {
  await using stage = await openLabStage({
    lab,
    original: vmid,
    stack: 'engines',
    signal,
    onStep: (step) => console.error(step),
  });
  const scene = { guest: stage.guest, hook: await VzdumpHook.write(stage, patienceS) };
  const streams = streamsOf('engines').map(([stream]) => stream);
  const all = Object.values(strategies);
  const measured: Measurement[] = [];
  for (let round = 0; round < repetitions; round += 1) {
    // Each round begins with another one: no strategy always comes after the same other.
    for (const strategy of [...all.slice(round % all.length), ...all.slice(0, round % all.length)]) {
      signal.throwIfAborted();
      const snapshot = `s${round}-${all.indexOf(strategy)}`;
      const result = await measure(strategy, snapshot, scene, stage.collector, streams);
      measured.push(result);
      console.error(`${round + 1}/${repetitions} ${strategy.name}: ${describeGaps(result.gapMs)}`);
    }
  }
  const gaps = (field: 'gapMs' | 'wholeGapMs') => (strategy: Strategy, stream: WriteStream) =>
    measured.filter((one) => one.strategy === strategy.name).map((one) => one[field][stream] ?? Number.NaN);
  print(
    'Longest time without an acknowledged write around the snapshot, ms: median (range)',
    streams,
    gaps('gapMs'),
  );
  print('The same from the beginning of the preparation', streams, gaps('wholeGapMs'));
  printRatios(streams, gaps('gapMs'));
  if (!restore) return;
  const compared = [strategies.plain, strategies.tacet, strategies.tacetFast].map(({ name }) => name);
  await compareRestores(
    lab,
    stage,
    measured.filter(({ strategy }) => compared.includes(strategy)),
    signal,
  );
}

type GapsOf = (strategy: Strategy, stream: WriteStream) => number[];

function print(title: string, streams: readonly WriteStream[], gapsOf: GapsOf): void {
  const all = Object.values(strategies);
  const rows = streams.map((stream) => [
    stream,
    ...all.map((strategy) => describeSamples(gapsOf(strategy, stream), 0)),
  ]);
  console.log(`\n${title}\n${formatTable(['', ...all.map(({ name }) => name)], rows)}`);
}

function printRatios(streams: readonly WriteStream[], gapsOf: GapsOf): void {
  const { tacet, plain, composeStop } = strategies;
  const rows = streams.map((stream) => {
    const ours = median(gapsOf(tacet, stream));
    const toPlain = ours / median(gapsOf(plain, stream));
    const toStop = median(gapsOf(composeStop, stream)) / ours;
    return [stream, toPlain.toFixed(2), `1/${toStop.toFixed(0)}`];
  });
  const header = [
    '',
    'of the plain snapshot (wanted: 0.6 at most)',
    'of compose stop (wanted: 1/60 at most)',
  ];
  console.log(`\nMedian with Tacet\n${formatTable(header, rows)}`);
}

function describeGaps(gapMs: Measurement['gapMs']): string {
  return Object.entries(gapMs)
    .map(([stream, ms]) => `${stream} ${Math.round(ms)}`)
    .join(', ');
}
