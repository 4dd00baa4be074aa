import * as z from 'zod';
import { flag } from './values.ts';

/** By access-control path, then privilege; the value says whether it propagates to the paths below. */
export const permissionsSchema = z.record(z.string(), z.record(z.string(), flag));
export type Permissions = z.output<typeof permissionsSchema>;

/**
 * Whether the caller holds a privilege on a path. On the path itself the key alone counts: a privilege that
 * came through a pool shows as 0 and is granted (seen on Proxmox VE 9.2). From above only what propagates
 * does, and the nearest path that is listed decides.
 */
export function holdsPrivilege(permissions: Permissions, path: string, privilege: string): boolean {
  const own = permissions[path];
  if (own !== undefined) return privilege in own;
  for (let above = parentOf(path); above !== undefined; above = parentOf(above)) {
    const inherited = permissions[above];
    if (inherited !== undefined) return inherited[privilege] === true;
  }
  return false;
}

function parentOf(path: string): string | undefined {
  if (path === '/') return undefined;
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
