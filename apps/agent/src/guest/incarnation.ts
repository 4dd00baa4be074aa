import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Incarnation } from '@tacet/protocol';

/** What the kernel says about the root filesystem and the first process; null where it says nothing. */
export interface RootFacts {
  /** `/proc/self/mountinfo`. */
  mountinfo: string;
  /** What is behind the root's block device, by sysfs: see {@link nameInSysfs}. */
  deviceName: string | null;
  /** `/proc/1/attr/current`. */
  appArmorLabel: string | null;
}

/**
 * `subvol-101-disk-0` (btrfs, ZFS, directories), `vm-101-disk-0` (raw files, thick and thin LVM, where the
 * device mapper doubles the dashes). A linked clone's path names its base first, so the last one counts.
 */
const diskName = /(?:subvol|vm)(--?)(\d+)\1disk\1\d+/g;

/** `lxc-101_</var/lib/lxc>//&:lxc-101_<-var-lib-lxc>:unconfined (enforce)`. */
const appArmorName = /^lxc-(\d+)_</;

/**
 * The guest's VMID as Proxmox VE names its disk; null where nothing names it. Neither can be copied with the disk: that is what tells a restored copy from its original.
 */
export function vmidOf(facts: RootFacts): number | null {
  const root = rootMount(facts.mountinfo);
  const named =
    lastDiskName(root?.root) ?? lastDiskName(root?.source) ?? lastDiskName(facts.deviceName ?? undefined);
  const vmid = Number(named ?? appArmorName.exec(facts.appArmorLabel ?? '')?.[1]);
  return Number.isInteger(vmid) && vmid >= 100 ? vmid : null;
}

/** Of mounts stacked on `/` the last one is what is seen. Fields as proc_pid_mountinfo(5) numbers them. */
export function rootMount(mountinfo: string): { root: string; source: string } | undefined {
  const line = mountinfo.split('\n').findLast((candidate) => candidate.split(' ')[4] === '/');
  const fields = line?.split(' ');
  const source = fields?.[fields.indexOf('-') + 2];
  const root = fields?.[3];
  return root === undefined || source === undefined ? undefined : { root, source };
}

/**
 * Where sysfs has the name of a device whose own says nothing: the file behind a loop device, the device
 * mapper's name, the image of a Ceph RBD (Linux, Documentation/ABI: sysfs-block-loop, sysfs-block-dm,
 * sysfs-bus-rbd).
 */
export function nameInSysfs(source: string): string | undefined {
  const [, kind, number] = /^\/dev\/(loop|dm-|rbd)(\d+)/.exec(source) ?? [];
  if (kind === 'loop') return `sys/block/loop${number}/loop/backing_file`;
  if (kind === 'dm-') return `sys/block/dm-${number}/dm/name`;
  return kind === 'rbd' ? `sys/bus/rbd/devices/${number}/name` : undefined;
}

function lastDiskName(text: string | undefined): string | undefined {
  return [...(text ?? '').matchAll(diskName)].at(-1)?.[2];
}

/**
 * Lower-case, sorted, without what the engine makes and remakes. By name: inside an LXC even `eth0` is a
 * veth, so its kind says nothing.
 */
export function macsOf(interfaces: readonly { name: string; address: string }[]): string[] {
  return interfaces
    .filter(({ name }) => !/^(lo|docker\d+|docker_gwbridge|br-.*|veth.*)$/.test(name))
    .map(({ address }) => address.trim().toLowerCase())
    .filter((address) => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(address) && address !== '00:00:00:00:00:00')
    .toSorted();
}

/** New at every start of the guest: LXC gives each start its own. */
export async function readBootId(root = '/'): Promise<string> {
  return (await readFile(join(root, 'proc/sys/kernel/random/boot_id'), 'utf8')).trim();
}

export async function readIncarnation(root = '/'): Promise<Incarnation> {
  const mountinfo = await readFile(join(root, 'proc/self/mountinfo'), 'utf8');
  const named = nameInSysfs(rootMount(mountinfo)?.source ?? '');
  const [deviceName, appArmorLabel, machineId, interfaces] = await Promise.all([
    named === undefined ? null : readIfThere(join(root, named)),
    readIfThere(join(root, 'proc/1/attr/current')),
    readIfThere(join(root, 'etc/machine-id')),
    readInterfaces(join(root, 'sys/class/net')),
  ]);
  return {
    vmid: vmidOf({ mountinfo, deviceName, appArmorLabel }),
    macs: macsOf(interfaces),
    machineId: machineId?.trim() ?? '',
    hostname: hostname(),
  };
}

async function readInterfaces(folder: string): Promise<{ name: string; address: string }[]> {
  const names = await readdir(folder);
  return Promise.all(
    names.map(async (name) => ({ name, address: (await readIfThere(join(folder, name, 'address'))) ?? '' })),
  );
}

/**
 * Null for whatever cannot be read: a kernel without AppArmor answers EINVAL, an interface can vanish
 * between listing and reading, and none of it may keep the agent from starting.
 */
async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}
