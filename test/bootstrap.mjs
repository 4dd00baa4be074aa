// Runs a TypeScript entry point on the workspace's own Node, from any Node >= 20 with npm: installs the
// workspace first when the lockfile has changed since the last time. Plain JavaScript and without
// dependencies, because nothing is installed yet when it starts.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.tacet', 'installed');

const environment = {
  ...process.env,
  PATH: `${bin}:${process.env.PATH ?? ''}`,
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
};

/** Resolves with the exit code. Whoever stops this process stops the child, which has things to take down. */
function run(command, args, env = environment) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env });
    // Ctrl-C reaches everybody at a terminal; a second one would mean something else to the child.
    const forward = (signal) => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, forward);
    const end = (status) => {
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, forward);
      resolve(status);
    };
    child.on('error', (error) => {
      console.error(`tacet: cannot run ${command}: ${error.message}`);
      end(1);
    });
    child.on('exit', (code) => end(code ?? 1));
  });
}

function lockfileHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex');
}

function isInstalled(hash) {
  try {
    return readFileSync(stamp, 'utf8') === hash;
  } catch {
    // No stamp yet: this is a fresh clone.
    return false;
  }
}

async function install() {
  const hash = lockfileHash();
  if (isInstalled(hash)) return 0;
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  console.error(`tacet: installing the workspace with ${packageManager}; the first time takes a minute`);
  // Warnings are left out: they are about this machine's own Node, which runs nothing of the workspace.
  const pnpm = ['pnpm', 'install', '--frozen-lockfile', '--loglevel=error'];
  const args = ['exec', '--yes', '--loglevel=error', `--package=${packageManager}`, '--', ...pnpm];
  const status = await run('npm', args, { ...process.env, CI: 'true', npm_config_update_notifier: 'false' });
  if (status !== 0) {
    console.error('tacet: the installation failed; the reason stands above. It needs npm and its registry.');
    return status;
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
  return 0;
}

const [entry, ...args] = process.argv.slice(2);
const options = ['--disable-warning=ExperimentalWarning'];
process.exitCode = (await install()) || (await run(join(bin, 'node'), [...options, entry, ...args]));
