import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { paths } from '../host/paths.ts';
import { pollUntil } from '../host/poll.ts';
import { CommandError, run, runToExit } from '../host/run.ts';
import { containerName, type LxcConfigInput, renderLxcConfig } from './lxc-config.ts';

// One LXC container as a process: everything that is said to LXC's own tools.

/** LXC's own word, e.g. `RUNNING`, `STOPPED`, `STOPPING`. */
export async function lxcState(vmid: number): Promise<string> {
  const info = await runToExit(lxc('lxc-info', vmid, '--state', '--no-humanize'));
  return info.exitCode === 0 ? info.stdout.trim() : 'STOPPED';
}

/** Host pid of the guest's init, undefined while it is stopped. */
export async function lxcInitPid(vmid: number): Promise<number | undefined> {
  const info = await runToExit(lxc('lxc-info', vmid, '--pid', '--no-humanize'));
  const pid = Number(info.stdout.trim());
  return info.exitCode === 0 && pid > 0 ? pid : undefined;
}

/** Starts the guest in the background; resolves when LXC says it runs. */
export async function lxcStart(
  input: Omit<LxcConfigInput, 'consoleLog'>,
  signal?: AbortSignal,
): Promise<void> {
  const directory = guestDirectory(input.vmid);
  const log = join(directory, 'lxc.log');
  await mkdir(directory, { recursive: true });
  await writeFile(
    join(directory, 'config'),
    renderLxcConfig({ ...input, consoleLog: join(directory, 'console.log') }),
  );
  await writeFile(log, '');
  const start = lxc('lxc-start', input.vmid, '--daemon', '--logfile', log, '--logpriority', 'ERROR');
  try {
    await run(start, { signal });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const { stdout } = await runToExit(['tail', '-n', '12', log]);
    throw new Error(`guest ${input.vmid} did not start\n${stdout}`, { cause: error });
  }
}

/** Hard stop. A guest that is stopped already is left as it is. */
export async function lxcKill(vmid: number, signal?: AbortSignal): Promise<void> {
  const { exitCode } = await runToExit(lxc('lxc-stop', vmid, '--kill', '--nolock'), { signal });
  await waitForStop(vmid, exitCode === 0 ? 30_000 : 5000, signal);
}

/** Asks init to power off and waits for it. */
export async function lxcShutdown(vmid: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  await run(lxc('lxc-stop', vmid, '--nokill', '--timeout', `${Math.ceil(timeoutMs / 1000)}`), {
    signal,
    timeoutMs: timeoutMs + 5000,
  });
  await waitForStop(vmid, 10_000, signal);
}

async function waitForStop(vmid: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  await pollUntil(async () => ((await lxcState(vmid)) === 'STOPPED' ? true : undefined), {
    what: `guest ${vmid} stops`,
    timeoutMs,
    signal,
  });
}

/** Command line that runs a program in the running guest, as root, with nothing of our environment. */
export function attachArgv(vmid: number, argv: readonly string[]): string[] {
  const environment = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LANG: 'C.UTF-8',
  };
  const set = Object.entries(environment).flatMap(([name, value]) => ['--set-var', `${name}=${value}`]);
  // What runs in the guest is killed with lxc-attach: a deadline out here is one in there.
  const bound = ['setpriv', '--pdeathsig', 'KILL', '--'];
  return [...lxc('lxc-attach', vmid, '--clear-env', ...set), '--', ...bound, ...argv];
}

export function guestDirectory(vmid: number): string {
  return join(paths.guests, containerName(vmid));
}

function lxc(tool: string, vmid: number, ...args: string[]): string[] {
  return [tool, '--lxcpath', paths.guests, '--name', containerName(vmid), ...args];
}
