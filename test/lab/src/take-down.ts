import { rm } from 'node:fs/promises';
import { readChanges } from './changes.ts';
import { removeBridge } from './host/bridge.ts';
import { cacheDirectory, paths } from './host/paths.ts';
import { withdrawSubordinateIds } from './host/subordinate-ids.ts';
import { unmountStorage } from './host/storage.ts';
import { removeAllGuests } from './remove-guests.ts';

/**
 * Undoes everything the lab did to this machine: guests, mount, loop device, bridge, files. It starts from
 * what is found, so it also works after a crash and when there is nothing to do. Debian packages stay; the
 * cache stays unless `purge`. The caller has the lab's lock.
 */
export async function takeDown(options: { purge?: boolean } = {}): Promise<void> {
  await removeAllGuests();
  await unmountStorage(paths.storageImage, paths.storage);
  await removeBridge();
  await withdrawSubordinateIds((await readChanges()).subordinateIdFiles);
  await rm(paths.state, { recursive: true, force: true });
  if (options.purge) await rm(cacheDirectory(), { recursive: true, force: true });
}
