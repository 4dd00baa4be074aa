import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';

/** Parts of the machine that a block sees with what `root` has laid over them; what it writes stays in there. */
const overlaid = ['etc', 'usr/local'];
/** Parts that it sees as `root` has them, and nothing else. */
const replaced = ['run', 'sys/fs/cgroup', 'var/lib'];

/** Root over nothing but what it makes: no process of others can be ended, and everything ends with the first. */
const isolated = ['--map-root-user', '--mount', '--pid', '--fork', '--kill-child'];

export interface SandboxOptions {
  /** Becomes `/` as far as it goes. */
  readonly root: string;
  /** Programs that come before the machine's own. */
  readonly programs: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string | undefined;
  readonly deadlineMs: number;
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  /** Both outputs, as a person sees them. */
  readonly said: string;
}

/** What keeps blocks from being run here, in words; undefined when nothing does. */
export function sandboxObstacle(): string | undefined {
  const probe =
    'mount -t tmpfs none /run && mkdir /run/u /run/w && mount -t overlay none -o lowerdir=/etc,upperdir=/run/u,workdir=/run/w /etc';
  const { status } = spawnSync('unshare', [...isolated, 'sh', '-c', probe]);
  return status === 0 ? undefined : 'no private mounts with overlayfs in a user namespace here';
}

export async function makeRoot(root: string): Promise<void> {
  for (const path of [...overlaid, ...replaced]) await mkdir(join(root, path), { recursive: true });
  for (const path of overlaid) await mkdir(join(root, 'work', path), { recursive: true });
  await mkdir(join(root, 'home'), { recursive: true });
}

export async function removeRoot(root: string): Promise<void> {
  // An overlay leaves a directory that not even its owner may look into.
  for (const path of overlaid) await chmod(join(root, 'work', path, 'work'), 0o700).catch(ignoreMissing);
  await rm(root, { recursive: true, force: true });
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** Types `commands` into a root shell that stops at the first failure; only what lies below `root` is changed. */
export async function typeInto(options: SandboxOptions, commands: string): Promise<Ended> {
  const { root, programs, env, stdin = '', deadlineMs } = options;
  const script = join(root, 'block.sh');
  await writeFile(script, commands);
  // From a file: `/dev/stdin` of a socket, which a child's input is here, cannot be opened.
  const typed = join(root, 'stdin');
  await writeFile(typed, stdin);
  const mounts = [
    ...overlaid.map((path) => {
      const layers = `lowerdir=/${path},upperdir=${join(root, path)},workdir=${join(root, 'work', path)}`;
      return `mount -t overlay overlay -o ${layers},userxattr /${path}`;
    }),
    ...replaced.map((path) => `mount --rbind ${join(root, path)} /${path}`),
  ];
  const shell = `set -e\n${mounts.join('\n')}\ncd ${join(root, 'home')}\nexec sh -eu ${script} <${typed}`;
  const child = spawn('unshare', [...isolated, 'sh', '-c', shell], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: [programs, dirname(process.execPath), '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(delimiter),
      HOME: join(root, 'home'),
      LC_ALL: 'C.UTF-8',
      ...env,
    },
  });
  const timer = setTimeout(() => child.pid !== undefined && process.kill(child.pid, 'SIGKILL'), deadlineMs);
  let out = '';
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (said += text));
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  child.on('error', reject);
  child.on('close', (code) => resolve({ code, out, said }));
  return await promise.finally(() => clearTimeout(timer));
}
