import { execFile } from 'node:child_process';
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readManifest } from './manifest.ts';
import { workspace } from './workspace.ts';

const run = promisify(execFile);

/** As npm calls what Debian calls amd64 and arm64. */
const npmArchitectures = { amd64: 'x64', arm64: 'arm64' } as const;
const fetchMs = 300_000;

export interface NodeRuntime {
  readonly version: string;
  /** Path of the program. */
  readonly program: string;
  readonly license: string;
}

/** The Node that the workspace is pinned to, for another machine: from its npm package, kept in `cache`. */
export async function nodeRuntime(
  architecture: keyof typeof npmArchitectures,
  cache: string,
): Promise<NodeRuntime> {
  const version = (await readManifest(workspace)).devDependencies['node'];
  if (version === undefined) throw new Error('package.json pins no node');
  const name = `node-linux-${npmArchitectures[architecture]}`;
  const folder = join(cache, `${name}-${version}`);
  const program = join(folder, 'package', 'bin', 'node');
  const license = join(folder, 'package', 'LICENSE');
  try {
    await access(program);
  } catch {
    // Not fetched yet.
    await fetchPackage(`${name}@${version}`, folder);
  }
  return { version, program, license: await readFile(license, 'utf8') };
}

/** npm checks what it fetches against the registry's own digest. */
async function fetchPackage(wanted: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const options = {
    cwd: folder,
    timeout: fetchMs,
    env: { ...process.env, npm_config_update_notifier: 'false' },
  };
  const { stdout } = await run('npm', ['pack', '--silent', wanted], options);
  const tarball = stdout.trim().split('\n').at(-1);
  if (tarball === undefined || tarball === '') throw new Error(`npm did not pack ${wanted}`);
  await run('tar', ['--extract', '--file', tarball], options);
}
