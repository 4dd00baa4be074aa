import type { EngineMount } from '../engine/engine.ts';
import { isAtOrBelow, type Mount, mountOf } from '../guest/mountinfo.ts';

/** Filesystems of the running kernel: nothing in them is data that anybody would want back. */
const notData: ReadonlySet<string> = new Set([
  'autofs',
  'cgroup2',
  'devpts',
  'devtmpfs',
  'mqueue',
  'nsfs',
  'overlay',
  'proc',
  'squashfs',
  'sysfs',
  'tmpfs',
]);

/** Of vzdump's own (`--exclude-path` defaults, seen with Proxmox VE 9.2). */
const leftOut = ['/tmp', '/var/tmp'];

/** Something that a container writes to outside the guest's root filesystem, or in a directory that vzdump skips. */
export interface MountOutside extends Pick<EngineMount, 'source' | 'target'> {
  /** What it lies on; undefined where it is in such a directory. */
  mount: Mount | undefined;
}

/** What a container writes to that a backup of the guest does not, or need not, contain. */
export function mountsOutside(mounted: readonly EngineMount[], mounts: readonly Mount[]): MountOutside[] {
  const root = mountOf('/', mounts);
  return mounted
    .filter(({ readOnly }) => !readOnly)
    .flatMap(({ source, target }) => {
      const mount = mountOf(source, mounts);
      if (!mount || !root || notData.has(mount.type)) return [];
      if (mount.device !== root.device) return { source, target, mount };
      const isLeftOut = leftOut.some((directory) => isAtOrBelow(source, directory));
      return isLeftOut ? { source, target, mount: undefined } : [];
    });
}

/** The same as notes for people. */
export function dataOutside(mounted: readonly EngineMount[], mounts: readonly Mount[]): string[] {
  return mountsOutside(mounted, mounts).map(({ source, target, mount }) =>
    mount === undefined
      ? `what it writes to ${target} lies in ${source}, which vzdump leaves out`
      : `what it writes to ${target} lies on ${mount.mountPoint} (${mount.type}): a backup has it only if that is a mount point with backup=1`,
  );
}
