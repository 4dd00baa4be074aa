import { mountsOf } from '../host/mounts.ts';
import { run } from '../host/run.ts';

const onDisk = new Set(['btrfs', 'ext4', 'xfs', 'zfs', 'overlay', 'fuse-overlayfs']);

/**
 * Writes out every filesystem that is mounted in the guest's mount namespace, from the host, so that it works
 * while the guest is frozen. Proxmox VE does the same between freezing and the storage snapshot.
 */
export async function syncFilesystems(initPid: number): Promise<void> {
  const mounts = (await mountsOf(initPid)).filter(({ type }) => onDisk.has(type));
  const directories = mounts.map(({ mountPoint }) => `/proc/${initPid}/root${mountPoint}`);
  await run(['sync', '--file-system', ...directories], { timeoutMs: 120_000 });
}
