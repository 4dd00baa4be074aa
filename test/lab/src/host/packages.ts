import { run, runToExit } from './run.ts';

const tools: Record<string, string> = {
  'lxc-start': 'lxc',
  debootstrap: 'debootstrap',
  'mkfs.btrfs': 'btrfs-progs',
  newuidmap: 'uidmap',
  ip: 'iproute2',
  zstd: 'zstd',
};

/** Installs the Debian packages that are missing; none are ever removed again. */
export async function installTools(onDetail: (detail: string) => void, signal: AbortSignal): Promise<void> {
  const missing: string[] = [];
  for (const [command, name] of Object.entries(tools)) {
    const found = await runToExit(['sh', '-c', `command -v ${command}`], { signal });
    if (found.exitCode !== 0) missing.push(name);
  }
  if (missing.length === 0) return;
  onDetail(missing.join(', '));
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run(['apt-get', 'update', '-q'], { signal, env, timeoutMs: 300_000 });
  const install = ['apt-get', 'install', '-q', '-y', '--no-install-recommends', ...missing];
  await run(install, { signal, env, timeoutMs: 600_000 });
}
