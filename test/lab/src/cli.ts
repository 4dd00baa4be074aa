// `npm run lab -- up | down [--purge] | status | shell <vmid>`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { guestAddress } from './addresses.ts';
import { loadDescriptions } from './guest/description.ts';
import { guestHandle } from './guest/guest-handle.ts';
import { attachArgv } from './guest/lxc-process.ts';
import { findBridge } from './host/bridge.ts';
import { acquireLabLock } from './host/lock.ts';
import { isMounted } from './host/mounts.ts';
import { cacheDirectory, paths } from './host/paths.ts';
import { commandEnvironment } from './host/run.ts';
import { labObstacle } from './obstacle.ts';
import { openLab } from './open-lab.ts';
import { progressDisplay } from './progress-display.ts';
import { takeDown } from './take-down.ts';

const usage = `usage: npm run lab -- <command>

  up              build what is missing and leave the lab standing, ready for guests
  down [--purge]  take everything down again, also after a crash; --purge drops the cache too
  status          what there is on this machine
  shell <vmid>    a shell in a running guest`;

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => interrupted.abort(new Error(`stopped by ${name}`)));
}

async function up(): Promise<void> {
  using display = progressDisplay(process.stderr);
  const lab = await openLab({ signal: interrupted.signal, onProgress: display.report, leftovers: 'adopt' });
  await lab.release();
  console.log(
    `the lab is up: bridge ${lab.bridge.name} (${lab.bridge.subnet}), ${lab.guests().length} guests`,
  );
}

const onWait = (holder: string): void => console.error(`waiting: the lab is in use by ${holder}`);

async function down(purge: boolean): Promise<void> {
  const lock = await acquireLabLock(onWait, interrupted.signal);
  try {
    await takeDown({ purge });
  } finally {
    await lock.release();
  }
  console.log(
    `the lab is down${purge ? ' and its cache is gone' : `; its cache stays in ${cacheDirectory()}`}`,
  );
}

async function status(): Promise<void> {
  const cached = await readdir(cacheDirectory()).catch(() => []);
  console.log(`cache    ${cached.length > 0 ? cached.join(', ') : 'empty'} (${cacheDirectory()})`);
  console.log(`storage  ${(await isMounted(paths.storage)) ? `mounted at ${paths.storage}` : 'not mounted'}`);
  console.log(`bridge   ${await findBridge()}`);
  for (const description of await loadDescriptions()) {
    const state = await guestHandle(description, () => undefined).status();
    const { vmid, hostname, mac } = description;
    console.log(`guest    ${vmid}  ${state}  ${guestAddress(vmid)}  ${mac}  ${hostname}`);
  }
}

async function shell(vmid: number): Promise<void> {
  const [command = '', ...args] = attachArgv(vmid, ['bash', '-l']);
  const env = { ...commandEnvironment(), TERM: process.env['TERM'] ?? 'dumb' };
  const [code] = (await once(spawn(command, args, { stdio: 'inherit', env }), 'close')) as [number | null];
  process.exitCode = code ?? 1;
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { purge: { type: 'boolean', default: false } },
  });
  const [command, argument] = positionals;
  const known = { up, status, down: () => down(values.purge), shell: () => shell(Number(argument)) };
  if (command === undefined || !Object.hasOwn(known, command)) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  const obstacle = labObstacle();
  if (obstacle !== undefined) throw new Error(obstacle);
  await known[command as keyof typeof known]();
}

try {
  await main();
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
