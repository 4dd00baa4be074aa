// `npm run bench -- footprint`: measurements, printed for a person. They are no tests: nothing fails by time.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Lab, labObstacle, openLab } from '@tacet/lab';
import { describeError } from '@tacet/runtime';
import { footprint, footprintOptions } from './footprint/footprint.ts';
import { ready, readyOptions } from './ready/ready.ts';
import { stall, stallOptions } from './stall/stall.ts';

const benchmarks: Readonly<Record<string, (lab: Lab, signal: AbortSignal) => Promise<void>>> = {
  footprint: (lab, signal) => footprint(lab, footprintOptions(process.argv.slice(3)), signal),
  ready: (lab, signal) => ready(lab, readyOptions(process.argv.slice(3)), signal),
  stall: (lab, signal) => stall(lab, stallOptions(process.argv.slice(3)), signal),
};

async function main(): Promise<number> {
  const name = process.argv[2] ?? '';
  const benchmark = Object.entries(benchmarks).find(([known]) => known === name)?.[1];
  if (!benchmark) {
    process.stderr.write(`Usage: npm run bench -- ${Object.keys(benchmarks).join('|')}\n`);
    return 2;
  }
  const obstacle = labObstacle();
  if (obstacle !== undefined) {
    process.stderr.write(`bench: ${obstacle}\n`);
    return 1;
  }
  const root = join(import.meta.dirname, '..', '..', '..');
  const build = spawnSync('turbo', ['run', 'build', '--output-logs=errors-only'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (build.status !== 0) return 1;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  }
  await using lab = await openLab({
    signal: stop.signal,
    onProgress: ({ phase, done }) => done && console.error(phase),
  });
  await benchmark(lab, stop.signal);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${describeError(error)}\n`);
  process.exitCode = 1;
}
