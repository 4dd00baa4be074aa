/** One line of `/proc/<pid>/mountinfo` (proc(5)), with the part of its filesystem that it shows. */
export interface PlacedMount {
  /** `major:minor` of the filesystem. */
  device: string;
  /** The directory of the filesystem that is mounted here. */
  root: string;
  mountPoint: string;
  type: string;
  readOnly: boolean;
}

/** Whose server is gone keeps whoever opens a file waiting for ever. */
const overNetwork = /^(?:nfs|cifs|smb|9p|ceph|fuse|gluster|afs)/;

export function parsePlacedMounts(mountinfo: string): PlacedMount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device, root, mountPoint, options = ''] = before.split(' ');
    const [type] = after.split(' ');
    if (device === undefined || root === undefined || mountPoint === undefined || !type) return [];
    const readOnly = options.split(',').includes('ro');
    return [{ device, root: unescape(root), mountPoint: unescape(mountPoint), type, readOnly }];
  });
}

/**
 * Where else a file can be seen: its path in the container by the container's mounts, turned into paths by
 * other mounts of the same filesystem. Whether it is the same file is still to be looked at.
 */
export function placesOf(
  path: string,
  container: readonly PlacedMount[],
  guest: readonly PlacedMount[],
): string[] {
  const mount = deepestAbove(path, container);
  if (!mount || overNetwork.test(mount.type)) return [];
  const inFilesystem = join(mount.root, below(path, mount.mountPoint));
  return guest
    .filter(({ device, readOnly }) => device === mount.device && !readOnly)
    .filter(({ root }) => isBelow(inFilesystem, root))
    .map(({ root, mountPoint }) => join(mountPoint, below(inFilesystem, root)));
}

/** Of two in one place the later covers the earlier. */
function deepestAbove(path: string, mounts: readonly PlacedMount[]): PlacedMount | undefined {
  return mounts
    .filter(({ mountPoint }) => isBelow(path, mountPoint))
    .reduce<PlacedMount | undefined>(
      (best, mount) => (best && best.mountPoint.length > mount.mountPoint.length ? best : mount),
      undefined,
    );
}

function isBelow(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

/** Empty, or with a slash before it: `/a/b` below `/a` is `/b`. A file can be a mount point itself. */
function below(path: string, directory: string): string {
  return directory === '/' ? path : path.slice(directory.length);
}

function join(directory: string, rest: string): string {
  return directory === '/' ? rest || '/' : `${directory}${rest}`;
}

/** The kernel writes space, tab, newline and backslash in a path as octal. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  );
}
