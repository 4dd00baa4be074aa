/**
 * A backup as Proxmox VE names volumes: a file by its base name, a snapshot on a Proxmox Backup Server by its
 * whole path.
 *
 * @param target as vzdump names it: `/var/lib/vz/dump/vzdump-lxc-101-….tar.zst` or `ct/101/2026-01-01T00:00:00Z`
 */
export function volidOf(storage: string, target: string): string {
  const name = target.startsWith('/') ? target.slice(target.lastIndexOf('/') + 1) : target;
  return `${storage}:backup/${name}`;
}
