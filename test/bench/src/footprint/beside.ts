import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Guest } from '@tacet/lab';
import { output } from './processes.ts';

const run = promisify(execFile);

/** What the agent is measured beside: `unit` runs in the same guest at the same time. */
export const bareNode = 'bench-bare-node';
export const qemuGuestAgent = 'bench-qemu-ga';

/** The same node, with nothing but a server that nobody calls: no timer, no TLS, no flags. */
export async function startBareNode(guest: Guest): Promise<void> {
  const script = "require('node:net').createServer().listen('/run/bare-node.sock')";
  await startUnit(guest, bareNode, ['/usr/bin/node', '-e', script]);
}

/**
 * The agent that virtual machines have, which an LXC has no use for: this machine's own, with the libraries that it
 * was built with, because the guest can reach no package.
 * @returns why it cannot be measured, or undefined when it runs
 */
export async function startQemuGuestAgent(guest: Guest): Promise<string | undefined> {
  const program = '/usr/sbin/qemu-ga';
  const isThere = await access(program).then(
    () => true,
    () => false,
  );
  if (!isThere) return 'qemu-guest-agent is not installed on this machine';
  const home = '/opt/bench-qemu-ga';
  const { stdout } = await run('ldd', [program]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  for (const file of [program, ...libraries]) {
    await guest.writeFile(join(home, basename(file)), await readFile(file), 0o755);
  }
  const loader = libraries.find((path) => /\/ld-linux/.test(path));
  if (loader === undefined) return 'its dynamic loader was not found';
  const start = [join(home, basename(loader)), '--library-path', home, join(home, basename(program))];
  const options = ['--method', 'unix-listen', '--path', '/run/bench-qemu-ga.sock', '--statedir', '/run'];
  await startUnit(guest, qemuGuestAgent, [...start, ...options]);
  return undefined;
}

async function startUnit(guest: Guest, unit: string, argv: readonly string[]): Promise<void> {
  await output(guest, ['systemd-run', '--quiet', `--unit=${unit}`, ...argv]);
}
