/** One line of `/proc/<pid>/mountinfo` (proc(5)). */
export interface Mount {
  /** `major:minor` of the filesystem. */
  device: string;
  mountPoint: string;
  type: string;
  readOnly: boolean;
}

export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device, , mountPoint, options] = before.split(' ');
    const [type] = after.split(' ');
    if (device === undefined || mountPoint === undefined || type === undefined) return [];
    const readOnly = options?.split(',').includes('ro') ?? false;
    return [{ device, mountPoint: unescape(mountPoint), type, readOnly }];
  });
}

/** The mount that a path lies on: of those above it the deepest, and of two in one place the later. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter(({ mountPoint }) => isAtOrBelow(path, mountPoint))
    .reduce<Mount | undefined>(
      (best, mount) => (best && best.mountPoint.length > mount.mountPoint.length ? best : mount),
      undefined,
    );
}

export function isAtOrBelow(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

/** The kernel writes space, tab, newline and backslash in a path as octal. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  );
}
