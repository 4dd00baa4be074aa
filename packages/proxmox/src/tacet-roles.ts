export interface RoleWish {
  readonly role: string;
  readonly privileges: readonly string[];
}

/**
 * For the token of one guest, on the guest and on the storage of its backups. The least with which backups in
 * every mode, snapshots and their status work (measured on Proxmox VE 9.2).
 */
export const guestRole: RoleWish = {
  role: 'TacetGuest',
  privileges: ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'],
};

/**
 * What a restore reads and uses: each privilege counts on one kind of path only. `VM.Backup` on the guest whose
 * backup it is, `Datastore.AllocateSpace` on the storages of backups and of restored disks, `SDN.Use` on bridges.
 */
export const restoreRole: RoleWish = {
  role: 'TacetRestore',
  privileges: ['VM.Backup', 'Datastore.AllocateSpace', 'SDN.Use'],
};

/** On the VMIDs of copies: to make them, to see whether one is there, to start it. Never on an original. */
export const targetRole: RoleWish = {
  role: 'TacetRestoreTarget',
  privileges: ['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt'],
};

/** On guests that are replaced by their backups, or set back: a guest is shut down for that, and started again. */
export const powerRole: RoleWish = { role: 'TacetPower', privileges: ['VM.Audit', 'VM.PowerMgmt'] };

/** On the VMIDs of copies that get another network than their original; by the source of Proxmox VE. */
export const copyNetworkRole: RoleWish = { role: 'TacetCopyNetwork', privileges: ['VM.Config.Network'] };

/**
 * On the pool of scratch guests: to make them there, marked and on the drills' network, to start and to destroy them.
 * By the source of Proxmox VE: what is granted on a VMID is gone with its guest, what is granted on a pool stays.
 */
export const scratchRole: RoleWish = {
  role: 'TacetScratch',
  privileges: ['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt', 'VM.Config.Network', 'VM.Config.Options'],
};

export const tacetRoles: readonly RoleWish[] = [
  guestRole,
  restoreRole,
  targetRole,
  powerRole,
  copyNetworkRole,
  scratchRole,
];
