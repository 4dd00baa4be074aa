import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes a file of mode 0600 as a whole, durably: after a crash the old or the new one is there.
 *
 * @param owner whose it shall be; only root can give it to somebody else
 */
export async function replaceFile(path: string, text: string, owner?: Owner): Promise<void> {
  const temporary = `${path}.new`;
  // Left by a crash, or a link that somebody put there: `wx` follows none.
  await rm(temporary, { force: true });
  try {
    await writeNewFile(temporary, text, owner);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectoryOf(path);
}

/** @throws where it exists already */
export async function writeNewFile(path: string, text: string, owner?: Owner): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await giveTo(file, owner);
  await file.chmod(0o600);
  await file.writeFile(text);
  await file.sync();
}

async function giveTo(file: FileHandle, owner: Owner | undefined): Promise<void> {
  const own = await file.stat();
  if (owner === undefined || (own.uid === owner.uid && own.gid === owner.gid)) return;
  if (process.geteuid?.() === 0) await file.chown(owner.uid, owner.gid);
}

/** A new name is on the disk only when its directory is. */
export async function syncDirectoryOf(path: string): Promise<void> {
  await using directory = await open(dirname(path), 'r');
  await directory.sync();
}

export async function ownerOf(path: string): Promise<Owner> {
  const { uid, gid } = await stat(path);
  return { uid, gid };
}
