import { existsSync } from 'node:fs';
import type { HostFeatures } from '../guest/lxc-config.ts';

export function hostFeatures(): HostFeatures {
  return {
    cgroups: existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'unified' : 'hybrid',
    appArmor: existsSync('/sys/kernel/security/apparmor'),
  };
}

/** Where the host's cgroup v2 tree is mounted. */
export function unifiedCgroupRoot(): string {
  return hostFeatures().cgroups === 'unified' ? '/sys/fs/cgroup' : '/sys/fs/cgroup/unified';
}
