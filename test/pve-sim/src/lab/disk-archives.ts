import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type ArchiveFile, type ArchiveFiles, ArchiveGarbageError } from '../backend.ts';

const execute = promisify(execFile);
const ARCHIVE = /^vzdump-lxc-\d+-.*\.tar(\.\w+)?$/;

/** Real files, with the sidecars Proxmox VE puts beside them: `.notes`, `.protected`, and the log. */
export class DiskArchives implements ArchiveFiles {
  async list(dumpDir: string): Promise<readonly ArchiveFile[]> {
    const names: readonly string[] = await unlessMissing(readdir(dumpDir), []);
    return await Promise.all(
      names
        .filter((name) => ARCHIVE.test(name))
        .toSorted()
        .map(async (name) => {
          const path = join(dumpDir, name);
          const notes = await unlessMissing(readFile(`${path}.notes`, 'utf8'), undefined);
          const isProtected = names.includes(`${name}.protected`);
          const { size } = await stat(path);
          return { path, fileBytes: size, protected: isProtected, ...(notes === undefined ? {} : { notes }) };
        }),
    );
  }

  async config(path: string): Promise<string | undefined> {
    if ((await unlessMissing(stat(path), undefined)) === undefined) return undefined;
    const filter = path.endsWith('.zst') ? ['--zstd'] : path.endsWith('.gz') ? ['--gzip'] : [];
    try {
      const { stdout } = await execute('tar', [
        ...filter,
        '-xOf',
        path,
        '--occurrence=1',
        './etc/vzdump/pct.conf',
      ]);
      return stdout;
    } catch (cause) {
      throw new ArchiveGarbageError(`${path} holds no configuration`, { cause });
    }
  }

  async remove(path: string): Promise<boolean> {
    const existed = (await unlessMissing(stat(path), undefined)) !== undefined;
    for (const file of [path, `${path}.notes`, `${path}.protected`]) await rm(file, { force: true });
    return existed;
  }

  async setNotes(path: string, notes: string): Promise<void> {
    await writeFile(`${path}.notes`, notes);
  }

  async setProtected(path: string, on: boolean): Promise<void> {
    if (on) await writeFile(`${path}.protected`, '');
    else await rm(`${path}.protected`, { force: true });
  }

  async writeLog(path: string, text: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

async function unlessMissing<T, U>(read: Promise<T>, fallback: U): Promise<T | U> {
  try {
    return await read;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return fallback;
    throw error;
  }
}
