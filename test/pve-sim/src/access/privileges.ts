/** The privileges of Proxmox VE 9.2, as `GET /access/roles` lists them for `Administrator`. */
export const PRIVILEGES = [
  'Datastore.Allocate',
  'Datastore.AllocateSpace',
  'Datastore.AllocateTemplate',
  'Datastore.Audit',
  'Group.Allocate',
  'Mapping.Audit',
  'Mapping.Modify',
  'Mapping.Use',
  'Permissions.Modify',
  'Pool.Allocate',
  'Pool.Audit',
  'Realm.Allocate',
  'Realm.AllocateUser',
  'SDN.Allocate',
  'SDN.Audit',
  'SDN.Use',
  'Sys.AccessNetwork',
  'Sys.Audit',
  'Sys.Console',
  'Sys.Incoming',
  'Sys.Modify',
  'Sys.PowerMgmt',
  'Sys.Syslog',
  'User.Modify',
  'VM.Allocate',
  'VM.Audit',
  'VM.Backup',
  'VM.Clone',
  'VM.Config.CDROM',
  'VM.Config.CPU',
  'VM.Config.Cloudinit',
  'VM.Config.Disk',
  'VM.Config.HWType',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.Console',
  'VM.GuestAgent.Audit',
  'VM.GuestAgent.FileRead',
  'VM.GuestAgent.FileSystemMgmt',
  'VM.GuestAgent.FileWrite',
  'VM.GuestAgent.Unrestricted',
  'VM.Migrate',
  'VM.PowerMgmt',
  'VM.Replicate',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
] as const;

export type Privilege = (typeof PRIVILEGES)[number];

const all = (...prefixes: string[]): Privilege[] =>
  PRIVILEGES.filter((privilege) => prefixes.some((prefix) => privilege.startsWith(prefix)));

const without = (privileges: readonly Privilege[], ...removed: Privilege[]): Privilege[] =>
  privileges.filter((privilege) => !removed.includes(privilege));

const VM_ADMIN = all('VM.');

/** The built-in (`special`) roles of Proxmox VE 9.2. */
export const BUILT_IN_ROLES: ReadonlyMap<string, readonly Privilege[]> = new Map<
  string,
  readonly Privilege[]
>([
  ['Administrator', PRIVILEGES],
  ['NoAccess', []],
  [
    'PVEAdmin',
    without(
      PRIVILEGES,
      'Mapping.Modify',
      'Permissions.Modify',
      'Realm.Allocate',
      'Sys.AccessNetwork',
      'Sys.Incoming',
      'Sys.Modify',
      'Sys.PowerMgmt',
    ),
  ],
  [
    'PVEAuditor',
    [
      'Datastore.Audit',
      'Mapping.Audit',
      'Pool.Audit',
      'SDN.Audit',
      'Sys.Audit',
      'VM.Audit',
      'VM.GuestAgent.Audit',
    ],
  ],
  ['PVEDatastoreAdmin', all('Datastore.')],
  ['PVEDatastoreUser', ['Datastore.AllocateSpace', 'Datastore.Audit']],
  ['PVEMappingAdmin', all('Mapping.')],
  ['PVEMappingUser', ['Mapping.Audit', 'Mapping.Use']],
  ['PVEPoolAdmin', all('Pool.')],
  ['PVEPoolUser', ['Pool.Audit']],
  ['PVESDNAdmin', all('SDN.')],
  ['PVESDNUser', ['SDN.Audit', 'SDN.Use']],
  ['PVESysAdmin', ['Sys.Audit', 'Sys.Console', 'Sys.Syslog']],
  ['PVETemplateUser', ['VM.Audit', 'VM.Clone']],
  ['PVEUserAdmin', ['Group.Allocate', 'Realm.AllocateUser', 'User.Modify']],
  ['PVEVMAdmin', VM_ADMIN],
  [
    'PVEVMUser',
    [
      'VM.Audit',
      'VM.Backup',
      'VM.Config.CDROM',
      'VM.Config.Cloudinit',
      'VM.Console',
      ...without(all('VM.GuestAgent.'), 'VM.GuestAgent.Unrestricted'),
      'VM.PowerMgmt',
    ],
  ],
]);

export function isPrivilege(name: string): name is Privilege {
  return (PRIVILEGES as readonly string[]).includes(name);
}
