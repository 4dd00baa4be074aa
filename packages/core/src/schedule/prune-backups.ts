import type { Retention } from '@tacet/protocol';

/**
 * A retention as the option `prune-backups` of Proxmox VE takes it: `keep-last=3,keep-daily=7`. On a call of
 * vzdump it needs the privilege Datastore.Allocate on the storage.
 */
export function pruneBackupsOf(retention: Retention): string {
  return Object.entries(retention)
    .filter(([, keep]) => keep !== undefined)
    .map(([name, keep]) => `${name.replace('keep', 'keep-').toLowerCase()}=${Number(keep)}`)
    .join(',');
}
