import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { inOrder } from '../in-order.ts';
import { type PlacedMount, parsePlacedMounts, placesOf } from './placed-mounts.ts';

/** How every database begins that is not encrypted (SQLite's "Database File Format", 1.3). */
const header = Buffer.from('SQLite format 3\0', 'latin1');

/** What SQLite keeps beside a database, and may have open while the database itself is not. */
const besides = /-(?:wal|shm|journal)$/;

/** The kernel's word for a file that has no name any more. */
const deleted = ' (deleted)';

/**
 * SQLite databases that these processes have open. `path` is where the guest itself sees the file, because
 * SQLite resolves links: `/proc/<pid>/root/…` would lead it to a file of the guest with the name that this one
 * has in its container. What the guest does not see (a container's tmpfs) is left out.
 * @param viewer the process below `procPath` whose mounts are the guest's
 */
export async function findSqliteFiles(
  pids: readonly number[],
  procPath: string,
  viewer: string,
): Promise<{ path: string; name: string }[]> {
  const guest = mountsOf(join(procPath, viewer));
  const looked = new Set<string>();
  const found = new Map<string, { path: string; name: string }>();
  for (const pid of pids) {
    const processPath = join(procPath, String(pid));
    // One process is as much as this thread does without a break.
    await setImmediate();
    const names = openFiles(processPath);
    if (names.length === 0) continue;
    const namespace = unlessGone(() => readlinkSync(join(processPath, 'ns/mnt')));
    const mounts = mountsOf(processPath);
    for (const name of names) {
      // Processes of one container mostly have the same files open.
      const key = `${namespace} ${name}`;
      if (looked.has(key)) continue;
      looked.add(key);
      const places = placesOf(name, mounts, guest);
      const identity = places.length === 0 ? undefined : await sqliteIdentity(`${processPath}/root${name}`);
      if (identity === undefined || found.has(identity)) continue;
      const path = await firstThatIs(identity, places, join(procPath, viewer, 'root'));
      if (path !== undefined) found.set(identity, { path, name });
    }
  }
  return [...found.values()].toSorted((one, other) => inOrder(one.name, other.name));
}

/**
 * Names of what could be a database, once each; a process that is gone has nothing open. At once, because procfs
 * answers from memory: asked one by one through the thread pool, thousands of descriptors take seconds.
 */
function openFiles(processPath: string): string[] {
  const names = new Set<string>();
  for (const descriptor of unlessGone(() => readdirSync(join(processPath, 'fd'))) ?? []) {
    const name = unlessGone(() => readlinkSync(join(processPath, 'fd', descriptor)));
    if (name?.startsWith('/') && !name.endsWith(deleted)) names.add(name.replace(besides, ''));
  }
  return [...names];
}

/** `device:inode` of a regular file that begins as a database does. */
async function sqliteIdentity(path: string): Promise<string | undefined> {
  // Without O_NONBLOCK the opening of a FIFO would wait for somebody to write.
  const file = await onceUnlessGone(open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  if (!file) return undefined;
  try {
    const seen = await file.stat({ bigint: true });
    if (!seen.isFile()) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(header.length), 0, header.length, 0);
    return bytesRead === header.length && buffer.equals(header) ? `${seen.dev}:${seen.ino}` : undefined;
  } finally {
    await file.close();
  }
}

/** Something else can be mounted over a place that the mounts lead to. */
async function firstThatIs(
  identity: string,
  places: readonly string[],
  root: string,
): Promise<string | undefined> {
  for (const place of places) {
    const seen = await onceUnlessGone(stat(`${root}${place}`, { bigint: true }));
    if (seen && `${seen.dev}:${seen.ino}` === identity) return place;
  }
  return undefined;
}

function mountsOf(processPath: string): PlacedMount[] {
  return parsePlacedMounts(unlessGone(() => readFileSync(join(processPath, 'mountinfo'), 'utf8')) ?? '');
}

const gone: ReadonlySet<unknown> = new Set([
  'ENOENT',
  'ESRCH',
  'EINVAL',
  'ENOTDIR',
  'ENXIO',
  'EACCES',
  'ELOOP',
]);

/** A process, a descriptor or a file that has just gone, and what nobody may open: none of them is a database. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function onceUnlessGone<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && gone.has(error.code);
}
