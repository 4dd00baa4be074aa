import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Deb, type InstalledFile, maintainer } from './deb.ts';
import { documentsOf } from './documents.ts';

const run = promisify(execFile);

/**
 * Builds a package with dpkg-deb(1). The same input gives the same bytes: times are `epochS` (seconds since 1970),
 * owners are root, and dpkg-deb sorts.
 * @returns the path of the package, in `directory`.
 */
export async function buildDeb(deb: Deb, epochS: number, directory: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), `${deb.name}-`));
  try {
    for (const file of [...deb.files, ...documentsOf(deb, epochS)]) await install(root, file);
    const installedKb = await sizeKb(root);
    await writeControl(root, deb, installedKb);
    await chmod(root, 0o755);
    const target = join(directory, `${deb.name}_${deb.version}_${deb.architecture}.deb`);
    await run('dpkg-deb', ['--root-owner-group', '-Zxz', '-z2', '--build', root, target], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epochS), LC_ALL: 'C' },
    });
    return target;
  } finally {
    await rm(root, { recursive: true });
  }
}

/** Puts a file where it belongs below `root`. */
export async function install(root: string, { path, content, mode = 0o644 }: InstalledFile): Promise<void> {
  const target = join(root, path);
  await makeDirectories(root, dirname(target));
  if (typeof content === 'string' || content instanceof Uint8Array) await writeFile(target, content);
  else await copyFile(content.file, target);
  await chmod(target, mode);
}

/** A directory's mode is in the package, whatever the umask of whoever builds it. */
async function makeDirectories(root: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (let one = directory; one !== root; one = dirname(one)) await chmod(one, 0o755);
}

async function writeControl(root: string, deb: Deb, installedKb: number): Promise<void> {
  const folder = join(root, 'DEBIAN');
  await makeDirectories(root, folder);
  const control = [
    `Package: ${deb.name}`,
    `Version: ${deb.version}`,
    'Section: admin',
    'Priority: optional',
    `Architecture: ${deb.architecture}`,
    `Depends: ${deb.depends}`,
    ...(deb.conflicts === undefined ? [] : [`Conflicts: ${deb.conflicts}`]),
    `Installed-Size: ${installedKb}`,
    `Maintainer: ${maintainer}`,
    `Description: ${deb.summary}`,
    ...deb.description.split('\n').map((line) => (line === '' ? ' .' : ` ${line}`)),
    '',
  ].join('\n');
  await writeFile(join(folder, 'control'), control, { mode: 0o644 });
  if (deb.conffiles.length > 0) {
    await writeFile(join(folder, 'conffiles'), `${deb.conffiles.join('\n')}\n`, { mode: 0o644 });
  }
  for (const [name, text] of Object.entries(deb.scripts)) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o755);
  }
  for (const name of ['control', ...(deb.conffiles.length > 0 ? ['conffiles'] : [])]) {
    await chmod(join(folder, name), 0o644);
  }
}

async function sizeKb(root: string): Promise<number> {
  let kb = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    // As dpkg-gencontrol(1) counts: files by the kB, everything else as one.
    kb += entry.isFile() ? Math.ceil((await stat(join(entry.parentPath, entry.name))).size / 1024) : 1;
  }
  return kb;
}
