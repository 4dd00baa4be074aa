import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { bridge } from './addresses.ts';

/** One line saying why the lab cannot run on this machine; undefined when it can. Changes nothing. */
export function labObstacle(): string | undefined {
  if (process.platform !== 'linux') return `the lab needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'the lab needs root (it makes containers, mounts and a bridge)';
  if (!existsSync('/etc/debian_version') || !existsSync('/usr/bin/apt-get')) {
    return 'the lab needs Debian 12 or later (it installs its tools with apt-get)';
  }
  if (!isRealRoot()) return 'the lab needs a real root (this one may not mount: it is in a container)';
  return missingKernelFeature() ?? foreignNetwork();
}

const sysAdmin = 1n << 21n;

function isRealRoot(): boolean {
  const mapped = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/);
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return mapped.join(' ') === '0 0 4294967295' && (BigInt(`0x${effective}`) & sysAdmin) !== 0n;
}

function missingKernelFeature(): string | undefined {
  const filesystems = readFileSync('/proc/filesystems', 'utf8').split(/\s+/);
  for (const name of ['btrfs', 'overlay', 'cgroup2']) {
    if (!filesystems.includes(name) && !moduleExists(name)) {
      return `the lab needs a kernel with ${name}, this one has none`;
    }
  }
  if (!existsSync('/proc/self/ns/user')) return 'the lab needs a kernel with user namespaces';
  if (!existsSync('/dev/loop-control')) return 'the lab needs loop devices (/dev/loop-control is missing)';
  try {
    accessSync('/sys/fs/cgroup', constants.R_OK);
  } catch {
    return 'the lab needs cgroups mounted at /sys/fs/cgroup';
  }
  return undefined;
}

function moduleExists(name: string): boolean {
  const release = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const list = `/lib/modules/${release}/modules.dep`;
  return existsSync(list) && readFileSync(list, 'utf8').includes(`/${name}.ko`);
}

function foreignNetwork(): string | undefined {
  const prefix = bridge.hostAddress.split('.').slice(0, 2).join('.');
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (name === bridge.name) continue;
    if (addresses?.some(({ address }) => address.startsWith(`${prefix}.`))) {
      return `the lab's network ${bridge.subnet} is in use by ${name}`;
    }
  }
  return undefined;
}
