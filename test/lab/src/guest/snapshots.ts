import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { paths } from '../host/paths.ts';
import { deleteSubvolume, listSubvolumes, snapshotSubvolume, subvolumePath } from '../host/storage.ts';
import type { SnapshotHooks, SnapshotTimings } from '../types.ts';
import { setFrozen } from './freezer.ts';
import { syncFilesystems } from './sync-filesystems.ts';

const separator = '@';

export function snapshotPath(vmid: number, name: string): string {
  if (!/^[A-Za-z][\w-]{0,39}$/.test(name)) throw new RangeError(`not a name for a snapshot: ${name}`);
  return `${subvolumePath(paths.storage, vmid)}${separator}${name}`;
}

export async function listSnapshots(vmid: number): Promise<string[]> {
  const prefix = `subvol-${vmid}-disk-0${separator}`;
  return (await listSubvolumes(paths.storage, prefix)).map((name) => name.slice(prefix.length));
}

/** Freeze, syncfs, storage snapshot, thaw: one cut over everything, whatever fails in between. */
export async function snapshotRunning(
  vmid: number,
  name: string,
  initPid: number,
  hooks: SnapshotHooks,
): Promise<SnapshotTimings> {
  const target = snapshotPath(vmid, name);
  const frozenAt = Date.now();
  const startedMs = performance.now();
  let syncedMs = startedMs;
  let snapshotMs = startedMs;
  let syncStartedMs = startedMs;
  try {
    await setFrozen(vmid, true);
    syncStartedMs = performance.now();
    await syncFilesystems(initPid);
    syncedMs = performance.now();
    await hooks.whileFrozen?.();
    snapshotMs = performance.now();
    await snapshotSubvolume(subvolumePath(paths.storage, vmid), target, { readOnly: true });
    snapshotMs = performance.now() - snapshotMs;
  } finally {
    await setFrozen(vmid, false);
  }
  return {
    frozenAt,
    thawedAt: Date.now(),
    frozenMs: performance.now() - startedMs,
    syncfsMs: syncedMs - syncStartedMs,
    snapshotMs,
  };
}

export async function snapshotStopped(vmid: number, name: string): Promise<SnapshotTimings> {
  const at = Date.now();
  const startedMs = performance.now();
  await snapshotSubvolume(subvolumePath(paths.storage, vmid), snapshotPath(vmid, name), { readOnly: true });
  const snapshotMs = performance.now() - startedMs;
  return { frozenAt: at, thawedAt: at, frozenMs: 0, syncfsMs: 0, snapshotMs };
}

/** Puts a snapshot in the place of a stopped guest's tree. */
export async function rollbackTo(vmid: number, name: string): Promise<void> {
  const tree = subvolumePath(paths.storage, vmid);
  const fresh = join(paths.storage, `rollback-${vmid}`);
  await snapshotSubvolume(snapshotPath(vmid, name), fresh, { readOnly: false });
  await deleteSubvolume(tree);
  await rename(fresh, tree);
}

export async function deleteAllSnapshots(vmid: number): Promise<void> {
  for (const name of await listSnapshots(vmid)) await deleteSubvolume(snapshotPath(vmid, name));
}
