import type { Privilege } from '../access/privileges.ts';
import type { Call } from '../api/endpoint.ts';
import { splitList } from '../api/schema.ts';
import { CONFIG_PARAMETERS } from './config-update.ts';

const CPU = new Set(['cores', 'cpulimit', 'cpuunits']);
const MEMORY = new Set(['memory', 'swap']);
const NETWORK = new Set(['nameserver', 'searchdomain', 'hostname']);

/**
 * What each setting in a call takes, by the source of Proxmox VE (`check_ct_modify_config_perm`): on the pool that a new
 * guest goes to, or on the guest; but a tag on the guest alone, which is in no pool yet while it is made.
 */
export function requireConfigPrivileges(call: Call, vmid: number, pool: string | undefined): void {
  const { world, caller, parameters } = call;
  if (caller === 'root@pam') return;
  const given = Object.keys(parameters).filter((key) => key in CONFIG_PARAMETERS);
  for (const key of [...given, ...splitList(parameters['delete'] ?? '')]) {
    const privilege = privilegeFor(key);
    if (privilege === undefined) continue;
    world.access.requireOnGuest(caller, vmid, key === 'tags' ? undefined : pool, privilege);
  }
}

function privilegeFor(key: string): Privilege | undefined {
  // Flags of features, and who is privileged, have rules of their own.
  if (key === 'features' || key === 'unprivileged') return undefined;
  if (CPU.has(key)) return 'VM.Config.CPU';
  if (MEMORY.has(key)) return 'VM.Config.Memory';
  if (key === 'rootfs' || /^mp\d+$/.test(key)) return 'VM.Config.Disk';
  if (NETWORK.has(key) || /^net\d+$/.test(key)) return 'VM.Config.Network';
  return 'VM.Config.Options';
}
