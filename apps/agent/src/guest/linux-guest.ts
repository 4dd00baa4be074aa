import { readFile } from 'node:fs/promises';
import { CgroupFreezer } from './cgroup-freezer.ts';
import { CgroupProcesses } from './cgroup-processes.ts';
import type { GuestHost } from './guest.ts';
import { readBootId, readIncarnation } from './incarnation.ts';
import { parseMountinfo } from './mountinfo.ts';
import { syncFilesystems } from './sync-filesystems.ts';

/** The guest that this process runs in. */
export function linuxGuest(): GuestHost {
  let bootId: Promise<string> | undefined;
  return {
    // It cannot change while this process lives, and stands in every entry of the journal.
    bootId: () => (bootId ??= readBootId()),
    incarnation: () => readIncarnation(),
    syncFilesystems,
    mounts: async () => parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8')),
    freezer: new CgroupFreezer(),
    processes: new CgroupProcesses(),
  };
}
