import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { orAborted, TacetError } from '@tacet/runtime';
import { parseMountinfo } from './mountinfo.ts';

const run = promisify(execFile);

/**
 * Filesystems with a disk behind them. Anything else is either not in the backup, or (a network mount whose
 * server is gone) could keep a sync waiting for ever. Overlays live on one of these.
 */
const onDisk: ReadonlySet<string> = new Set([
  'bcachefs',
  'btrfs',
  'ext2',
  'ext3',
  'ext4',
  'f2fs',
  'jfs',
  'reiserfs',
  'xfs',
  'zfs',
]);

/** One writable mount point for each filesystem on a disk, out of `/proc/self/mountinfo` (proc(5)). */
export function mountPointsOnDisk(mountinfo: string): string[] {
  const byDevice = new Map<string, string>();
  for (const { device, mountPoint, type, readOnly } of parseMountinfo(mountinfo)) {
    if (onDisk.has(type) && !readOnly && !byDevice.has(device)) byDevice.set(device, mountPoint);
  }
  return [...byDevice.values()];
}

/**
 * `sync --file-system` of coreutils, which is syncfs(2): Node has no binding for it, and fsfreeze is not
 * permitted in an unprivileged guest.
 */
export async function syncFilesystems(signal: AbortSignal): Promise<void> {
  const mountPoints = mountPointsOnDisk(await readFile('/proc/self/mountinfo', 'utf8'));
  if (mountPoints.length === 0) return;
  try {
    // A process in uninterruptible sleep does not die of the signal: do not wait for it either.
    await orAborted(run('sync', ['--file-system', '--', ...mountPoints], { signal }), signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new TacetError(`cannot sync ${mountPoints.join(', ')}`, { code: 'internal', cause: error });
  }
}
