import { holdsPrivilege, type Permissions } from './permissions.ts';
import { guestRole } from './tacet-roles.ts';

/** Each privilege counts on one kind of path only. */
const onGuest = guestRole.privileges.filter((privilege) => privilege.startsWith('VM.'));
const onStorage = guestRole.privileges.filter((privilege) => privilege.startsWith('Datastore.'));

/** Without these Proxmox VE makes no backup; the others are for its status and its verdict (measured on 9.2). */
const decisive: ReadonlySet<string> = new Set(['VM.Backup', 'Datastore.AllocateSpace']);

export interface LackingGrant {
  readonly path: string;
  readonly needed: readonly string[];
  /** At least one of what is needed. */
  readonly lacks: readonly string[];
  /** Those without which the backup is refused. */
  readonly refusedFor: readonly string[];
}

/** Where a token lacks something of what backups of a guest to a storage take. */
export function lackingForBackup(permissions: Permissions, vmid: number, storage: string): LackingGrant[] {
  return [
    { path: `/vms/${vmid}`, needed: onGuest },
    { path: `/storage/${storage}`, needed: onStorage },
  ]
    .map(({ path, needed }) => {
      const lacks = needed.filter((privilege) => !holdsPrivilege(permissions, path, privilege));
      return { path, needed, lacks, refusedFor: lacks.filter((privilege) => decisive.has(privilege)) };
    })
    .filter(({ lacks }) => lacks.length > 0);
}
