import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMounted, loopDevicesOf } from './mounts.ts';
import { run } from './run.ts';

// Sparse: what counts is what the guests write. Deleted blocks are given back to the host's filesystem.
const imageBytes = 64 * 1024 ** 3;
// `ssd`: btrfs takes a loop device for a spinning disk, and then lets every fsync wait whole ticks of the kernel
// for others to join it; four databases that sync their commits got a quarter of the writes done.
const mountOptions = 'loop,noatime,ssd,discard=async';

/** An empty storage in a sparse file. */
export async function makeStorageImage(image: string, signal: AbortSignal): Promise<void> {
  const file = await open(image, 'w');
  try {
    await file.truncate(imageBytes);
  } finally {
    await file.close();
  }
  await run(['mkfs.btrfs', '--quiet', '--label', 'tacet-lab', image], { signal });
}

export async function mountStorage(image: string, directory: string, signal: AbortSignal): Promise<void> {
  if (await isMounted(directory)) return;
  await mkdir(directory, { recursive: true });
  await run(['mount', '-t', 'btrfs', '-o', mountOptions, image, directory], { signal });
}

/** Unmounts and detaches, whether or not it was mounted. */
export async function unmountStorage(image: string, directory: string): Promise<void> {
  while (await isMounted(directory)) await run(['umount', directory], { timeoutMs: 120_000 });
  for (const device of await loopDevicesOf(image)) await run(['losetup', '--detach', device]);
}

/** Copies a storage, keeping its holes, so that a half-made copy never has the final name. */
export async function copyStorageImage(from: string, to: string, signal: AbortSignal): Promise<void> {
  const temporary = `${to}.part`;
  await rm(temporary, { force: true });
  await run(['cp', '--sparse=always', '--reflink=auto', from, temporary], { signal, timeoutMs: 600_000 });
  await rename(temporary, to);
}

export async function createSubvolume(path: string, signal?: AbortSignal): Promise<void> {
  await run(['btrfs', 'subvolume', 'create', path], { signal });
}

export async function snapshotSubvolume(
  from: string,
  to: string,
  options: { readOnly: boolean; signal?: AbortSignal | undefined },
): Promise<void> {
  const readOnly = options.readOnly ? ['-r'] : [];
  await run(['btrfs', 'subvolume', 'snapshot', ...readOnly, from, to], { signal: options.signal });
}

export async function deleteSubvolume(path: string): Promise<void> {
  await run(['btrfs', 'subvolume', 'delete', path]);
}

/** Names of the storage's subvolumes that start with the prefix. */
export async function listSubvolumes(storage: string, prefix: string): Promise<string[]> {
  return (await readdir(storage)).filter((name) => name.startsWith(prefix)).toSorted();
}

export function subvolumePath(storage: string, vmid: number): string {
  return join(storage, `subvol-${vmid}-disk-0`);
}
