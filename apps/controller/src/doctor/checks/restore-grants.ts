import { holdsPrivilege, restoreRole } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check } from '../check.ts';
import type { GuestFacts } from '../facts.ts';
import { grantLine } from '../node-commands.ts';

export const restoreGrants: Check = {
  what: 'whether its backups can be restored: the privileges',
  finds: ['restore-lacks-privilege'],
  guest(guest) {
    const { vmid, restore } = guest;
    if (restore === undefined) return 'not-applicable';
    const { permissions, id } = restore;
    if (!permissions.ok) return { notKnown: describeError(permissions.error) };
    const lacking = needs(guest).filter(
      ({ path, privilege }) => !holdsPrivilege(permissions.value, path, privilege),
    );
    if (lacking.length === 0) return [];
    return [
      {
        id: 'restore-lacks-privilege',
        severity: 'error',
        message: `Token ${id} lacks what a restore of guest ${vmid} needs.`,
        evidence: lacking.map(({ path, privilege }) => `no ${privilege} on ${path}`),
        remedy: `Grant role ${restoreRole.role} to the user and to the token.`,
        commands: [...new Set(lacking.map(({ path }) => grantLine(path, restoreRole.role, id)))],
      },
    ];
  },
};

function needs(guest: GuestFacts): { path: string; privilege: string }[] {
  const target = guest.restoreStorage ?? rootStorage(guest);
  const storages = new Set([guest.backupStorage, ...(target === undefined ? [] : [target])]);
  return [
    { path: `/vms/${guest.vmid}`, privilege: 'VM.Backup' },
    ...[...storages].map((storage) => ({
      path: `/storage/${storage}`,
      privilege: 'Datastore.AllocateSpace',
    })),
  ];
}

function rootStorage({ config }: GuestFacts): string | undefined {
  if (!config.ok) return undefined;
  const root = config.value.mountPoints.find(({ key, kind }) => key === 'rootfs' && kind === 'volume');
  return root?.volume.split(':')[0];
}
