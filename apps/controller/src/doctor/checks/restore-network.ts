import { holdsPrivilege, type Permissions, restoreRole } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check } from '../check.ts';
import { grantLine } from '../node-commands.ts';

const zones = '/sdn/zones';
/** Where Proxmox VE looks for the bridges that no zone of the SDN has. */
const pathOf = (bridge: string): string => `${zones}/localnetwork/${bridge}`;

export const restoreNetwork: Check = {
  what: 'whether its backups can be restored: the network',
  finds: ['restore-lacks-network'],
  guest({ vmid, restore, config, place }) {
    if (restore === undefined || (place.ok && place.value?.type === 'qemu')) return 'not-applicable';
    const { permissions, id } = restore;
    if (!permissions.ok) return { notKnown: describeError(permissions.error) };
    if (!config.ok) return { notKnown: `its networks cannot be read: ${describeError(config.error)}` };
    const bridges = new Set(Object.values(config.value.networks).flatMap(({ bridge }) => bridge ?? []));
    const lacking = [...bridges].filter((bridge) => !mayUse(permissions.value, bridge));
    if (lacking.length === 0) return [];
    return [
      {
        id: 'restore-lacks-network',
        severity: 'error',
        message: `Token ${id} may not use the network of guest ${vmid}: its restore is accepted, and then fails inside the task.`,
        evidence: lacking.map((bridge) => `no SDN.Use on ${pathOf(bridge)}`),
        remedy: `Grant role ${restoreRole.role} on the bridge, to the user and to the token; for a network of the SDN, on ${zones}/ZONE/VNET.`,
        commands: lacking.map((bridge) => grantLine(pathOf(bridge), restoreRole.role, id)),
      },
    ];
  },
};

/** On the bridge in any zone, or above it: which zone a network of the SDN is in cannot be seen here. */
function mayUse(permissions: Permissions, bridge: string): boolean {
  const inZones = Object.keys(permissions).filter(
    (path) => path.startsWith(`${zones}/`) && path.split('/')[4] === bridge,
  );
  return [pathOf(bridge), ...inZones].some((path) => holdsPrivilege(permissions, path, 'SDN.Use'));
}
