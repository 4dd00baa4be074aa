import { failed } from '../api/errors.ts';
import { type MountPoint, sizeBytes } from '../guests/config.ts';
import type { Guest } from '../guests/guest-registry.ts';
import { createSnapshot, deleteSnapshot } from '../lxc/snapshots.ts';
import type { World } from '../world.ts';

/** The backup lock is lifted for the moment, because taking a snapshot needs the guest's lock itself. */
export async function createVzdumpSnapshot(world: World, guest: Guest): Promise<void> {
  guest.lock = undefined;
  try {
    await createSnapshot(world, guest, 'vzdump', 'vzdump backup snapshot');
  } finally {
    guest.lock = 'backup';
  }
}

export async function removeVzdumpSnapshot(world: World, guest: Guest): Promise<void> {
  const lock = guest.lock;
  guest.lock = undefined;
  try {
    await deleteSnapshot(world, guest, 'vzdump');
  } finally {
    guest.lock = lock;
  }
}

/** The snapshot of a btrfs subvolume (a volume of size 0) exists, but cannot be mounted for the archive. */
export function mountVzdumpSnapshot(world: World, volumes: readonly MountPoint[]): void {
  for (const volume of volumes) {
    const storage = world.storages.find(volume.storage ?? '');
    if (storage?.type === 'btrfs' && sizeBytes(volume.size) === 0) {
      throw failed("cannot mount subvol snapshots for storage type 'btrfs'");
    }
  }
}
