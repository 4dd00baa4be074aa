import { systemClock } from '@tacet/runtime';
import type { VzdumpHook } from '@tacet/demo';
import { compose, type ExecResult, type Guest } from '@tacet/lab';
import { chooseRedisDump } from './redis-dump.ts';

/** What a strategy works on. */
export interface Scene {
  guest: Guest;
  hook: VzdumpHook;
}

/** One way to take a snapshot of a guest under write load. */
export interface Strategy {
  name: string;
  /** What has to be so before the measurement begins. */
  setUp?: (scene: Scene) => Promise<void>;
  /** What comes before, while writes go on. */
  prepare?: (scene: Scene) => Promise<unknown>;
  /**
   * Makes writes stand still, takes the snapshot, lets them go on.
   * @returns host time (`Date.now()`) until which everything acknowledged must be in the snapshot.
   */
  snapshot: (scene: Scene, name: string) => Promise<number>;
  /** What comes afterwards, while writes go on. */
  finish?: (scene: Scene) => Promise<void>;
}

const quietMs = 300;

/** No snapshot at all: what a gap is worth on this machine, now. */
const nothing: Strategy = {
  name: 'nothing',
  snapshot: async () => {
    await systemClock.sleep(quietMs);
    return Date.now();
  },
};

/** As vzdump does it for a guest that nobody prepared: freeze, syncfs, snapshot, thaw. */
const plain: Strategy = {
  name: 'plain snapshot',
  snapshot: async ({ guest }, name) => (await guest.snapshot(name)).frozenAt,
};

/** As vzdump does it with Tacet's hook: the same snapshot, between `pre-stop` and `pre-restart`. */
const tacet: Strategy = {
  name: 'Tacet',
  setUp: ({ guest }) => chooseRedisDump(guest, 'strict'),
  prepare: ({ hook }) => callHook(hook, 'backup-start'),
  snapshot: async ({ guest, hook }, name) => {
    const said = await callHook(hook, 'pre-stop');
    if (!said.includes('held')) throw new Error(`nothing would be measured: ${said}`);
    const heldAt = Date.now();
    await guest.snapshot(name);
    await callHook(hook, 'pre-restart');
    return heldAt;
  },
  // There is no archive: to the controller this is a backup that failed after its snapshot.
  finish: async ({ hook }) => {
    await callHook(hook, 'backup-abort');
    await callHook(hook, 'log-end');
  },
};

const dockerPause: Strategy = {
  name: 'docker pause',
  snapshot: async ({ guest }, name) => {
    const listed = await succeeded(guest.exec(['docker', 'ps', '--quiet']));
    const containerIds = listed.stdout.split('\n').filter(Boolean);
    await run(guest, ['docker', 'pause', ...containerIds]);
    const heldAt = Date.now();
    await guest.snapshot(name);
    await run(guest, ['docker', 'unpause', ...containerIds]);
    return heldAt;
  },
};

const composeStop: Strategy = {
  name: 'compose stop',
  snapshot: async ({ guest }, name) => {
    await succeeded(compose(guest, ['stop'], undefined, 'engines'));
    const heldAt = Date.now();
    await guest.snapshot(name);
    await succeeded(compose(guest, ['start'], undefined, 'engines'));
    return heldAt;
  },
};

/** A Redis without an append-only file is then as old as its dump, and nobody waits for it. */
const tacetFast: Strategy = {
  ...tacet,
  name: 'Tacet, fast dump',
  setUp: ({ guest }) => chooseRedisDump(guest, 'fast'),
};

export const strategies = { nothing, plain, tacet, tacetFast, dockerPause, composeStop };

/** @returns what it said, which is shown too. */
async function callHook(hook: VzdumpHook, phase: string): Promise<string> {
  const said = (await hook.call(phase)).join('\n');
  if (said !== '') console.error(said);
  return said;
}

async function run(guest: Guest, argv: readonly string[]): Promise<void> {
  await succeeded(guest.exec(argv));
}

async function succeeded(running: ReturnType<Guest['exec']>): Promise<ExecResult> {
  const result = await running;
  if (result.exitCode !== 0) throw new Error(result.stderr || result.stdout);
  return result;
}
