// `npm run demo`: the whole path, told step by step as it happens.
import { spawnSync } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { labObstacle, openLab } from '@tacet/lab';
import { createLogger, describeError, streamSink, Undo } from '@tacet/runtime';
import { openApi } from './api.ts';
import { type DemoArguments, parseDemoArguments, usage } from './arguments.ts';
import { openLabStage } from './lab/lab-stage.ts';
import { Narrator } from './narrator.ts';
import { openSimulatedStage } from './simulated/simulated-stage.ts';
import type { Stage } from './stage.ts';
import { tell } from './story.ts';
import type { Summary } from './summary.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const storyDeadlineMs = 30 * 60_000;

async function main(): Promise<number> {
  const args = readArguments();
  if (typeof args === 'number') return args;
  // Now, not after minutes of story.
  await (await open(args.summary, 'a')).close();
  const stop = new AbortController();
  // Nobody listens any more (`| head`): what was set up is taken down.
  process.stdout.on('error', (error) => stop.abort(error));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  }
  const narrator = new Narrator(process.stdout);
  const obstacle = args.sim ? 'asked for by --sim' : labObstacle();
  narrator.say(
    obstacle === undefined
      ? 'Real LXC guests on this machine; only the Proxmox VE API is simulated.'
      : `SIMULATION: the guests are simulated (${obstacle}).`,
  );

  await using undo = new Undo();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(storyDeadlineMs)]);
  const stage = obstacle === undefined ? await openReal(undo, narrator, signal) : await openSimulated(signal);
  undo.defer(() => stage[Symbol.asyncDispose]());

  const summary = await tell(stage, await openApi(stage.controllerFile), narrator, signal);
  report(summary, narrator);
  await writeFile(args.summary, `${JSON.stringify(summary, null, 2)}\n`);
  narrator.say(`The summary is in ${args.summary}.`);
  if (args.once) return summary.passed ? 0 : 1;

  narrator.title('The controller goes on running');
  const setupUrl = await stage.setupUrl();
  if (setupUrl !== undefined) narrator.say(`Its dashboard, which begins with your account: ${setupUrl}`);
  narrator.say(`It listens on ${stage.controllerUrl}; Ctrl-C ends it. In another terminal:`);
  narrator.say(`  npm run --silent tacet -- --controller ${stage.controllerFile} status`);
  await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
  return summary.passed ? 0 : 1;
}

/** @returns the exit code where there is nothing to demonstrate. */
function readArguments(): DemoArguments | number {
  try {
    const args = parseDemoArguments(process.argv.slice(2));
    if (args !== 'help') return args;
    process.stdout.write(usage);
    return 0;
  } catch (error) {
    process.stderr.write(`demo: ${describeError(error)}\n\n${usage}`);
    return 2;
  }
}

function openSimulated(signal: AbortSignal): Promise<Stage> {
  buildApps('dashboard');
  return openSimulatedStage(createLogger({ sink: streamSink(process.stderr), level: 'error' }), signal);
}

/** As turbo remembers it: what has not changed is not built again. */
function buildApps(...names: string[]): void {
  const filters = names.map((name) => `--filter=@tacet/${name}`);
  const { status } = spawnSync('turbo', ['run', 'build', ...filters, '--output-logs=errors-only'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`${names.join(' and ')} could not be built; the reason stands above`);
}

async function openReal(undo: Undo, narrator: Narrator, signal: AbortSignal): Promise<Stage> {
  buildApps('agent', 'dashboard');
  narrator.title('The lab (its first build takes minutes)');
  const lab = await openLab({
    signal,
    onProgress: ({ phase, detail, done, elapsedMs }) => {
      if (!done) narrator.progress(detail === undefined ? phase : `${phase}: ${detail}`);
      else if (elapsedMs > 1000) narrator.say(`${phase}: done in ${(elapsedMs / 1000).toFixed(0)} s`);
    },
  });
  undo.defer(() => lab[Symbol.asyncDispose]());
  return await openLabStage({ lab, signal, onStep: (step) => narrator.say(step) });
}

function report(summary: Summary, narrator: Narrator): void {
  narrator.title(summary.simulated ? 'What was seen (simulated guests)' : 'What was seen');
  for (const { name, passed, detail } of summary.checks)
    narrator.say(`${passed ? 'yes' : 'NO '}  ${name}: ${detail}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`demo: ${describeError(error)}\n`);
  process.exitCode = 1;
}
