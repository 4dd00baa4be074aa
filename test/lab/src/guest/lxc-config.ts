import { bridge, guestAddress, vethName } from '../addresses.ts';

export const firstSubordinateId = 100_000;
export const subordinateIdCount = 65_536;

export interface LxcConfigInput {
  vmid: number;
  hostname: string;
  mac: string;
  memoryMb: number;
  rootPath: string;
  consoleLog: string;
  host: HostFeatures;
}

export interface HostFeatures {
  /** `unified`: cgroup v2 only. `hybrid`: v1 controllers with an empty v2 tree beside them. */
  cgroups: 'unified' | 'hybrid';
  appArmor: boolean;
}

/** LXC's name of a guest: its own prefix, so that no container of somebody else's is ever meant. */
export function containerName(vmid: number): string {
  return `tacet-lab-${vmid}`;
}

/** Inside the guest: mounts cgroup v2 in the guest's own cgroup namespace where LXC did not, then systemd. */
export const initCommand = '/usr/local/sbin/tacet-lab-init';

/** The LXC configuration of an unprivileged guest with nesting, as Proxmox VE would start it. */
export function renderLxcConfig(input: LxcConfigInput): string {
  const memoryBytes = input.memoryMb * 1024 * 1024;
  const lines: (readonly [key: string, value: string])[] = [
    ['lxc.include', '/usr/share/lxc/config/common.conf'],
    ['lxc.include', '/usr/share/lxc/config/nesting.conf'],
    ['lxc.include', '/usr/share/lxc/config/userns.conf'],
    ['lxc.arch', process.arch === 'arm64' ? 'aarch64' : 'x86_64'],
    ['lxc.uts.name', input.hostname],
    ['lxc.rootfs.path', `dir:${input.rootPath}`],
    ['lxc.idmap', `u 0 ${firstSubordinateId} ${subordinateIdCount}`],
    ['lxc.idmap', `g 0 ${firstSubordinateId} ${subordinateIdCount}`],
    // An empty value forgets what the includes asked for: on a hybrid machine LXC would bind-mount the host's
    // cgroup trees, and Docker needs a v2 tree of its own. The init command mounts it.
    ['lxc.mount.auto', ''],
    ['lxc.mount.auto', 'proc:mixed sys:mixed'],
    ['lxc.init.cmd', initCommand],
    ['lxc.signal.halt', 'SIGRTMIN+4'],
    ['lxc.tty.max', '0'],
    ['lxc.console.path', 'none'],
    ['lxc.console.logfile', input.consoleLog],
    ...(input.host.appArmor
      ? ([
          ['lxc.apparmor.profile', 'generated'],
          ['lxc.apparmor.allow_nesting', '1'],
        ] as const)
      : ([['lxc.apparmor.profile', 'unconfined']] as const)),
    input.host.cgroups === 'unified'
      ? ['lxc.cgroup2.memory.max', `${memoryBytes}`]
      : ['lxc.cgroup.memory.limit_in_bytes', `${memoryBytes}`],
    ['lxc.net.0.type', 'veth'],
    ['lxc.net.0.link', bridge.name],
    ['lxc.net.0.veth.pair', vethName(input.vmid)],
    ['lxc.net.0.name', 'eth0'],
    ['lxc.net.0.flags', 'up'],
    ['lxc.net.0.hwaddr', input.mac],
    ['lxc.net.0.ipv4.address', `${guestAddress(input.vmid)}/${bridge.prefixLength} ${bridge.broadcast}`],
    ['lxc.net.0.ipv4.gateway', bridge.hostAddress],
  ];
  return lines.map(([key, value]) => `${key} = ${value}\n`).join('');
}
