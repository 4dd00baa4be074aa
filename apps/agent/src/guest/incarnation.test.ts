import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { macsOf, nameInSysfs, readBootId, readIncarnation, vmidOf } from './incarnation.ts';

const others = `
612 611 0:60 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
613 611 0:61 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs rw
700 611 0:45 /subvol-999-disk-1 /srv/data rw,relatime - btrfs /dev/loop7 rw`;

/** `sysfs` is what {@link nameInSysfs} leads to. */
const at = (rootLine: string, sysfs: string | null = null) => ({
  mountinfo: rootLine + others,
  deviceName: sysfs,
  appArmorLabel: null,
});

const appArmorLabel = 'lxc-101_</var/lib/lxc>//&:lxc-101_<-var-lib-lxc>:unconfined (enforce)\n';

describe('the VMID that the root filesystem names', () => {
  it.each<[storage: string, rootLine: string, vmid: number, sysfs?: string]>([
    [
      'btrfs (seen in the lab)',
      '611 500 0:45 /subvol-101-disk-0 / rw,relatime - btrfs /dev/loop0 rw,space_cache=v2,subvolid=261,subvol=/subvol-101-disk-0',
      101,
    ],
    [
      'btrfs, as Proxmox VE lays it out (from its documentation)',
      '611 500 0:38 /images/101/subvol-101-disk-0.subvol / rw,relatime - btrfs /dev/sdb rw,subvolid=300',
      101,
    ],
    [
      'LVM-thin (from documentation)',
      '1083 700 252:8 / / rw,relatime shared:700 - ext4 /dev/mapper/pve-vm--101--disk--0 rw,stripe=16',
      101,
    ],
    [
      'LVM-thin, by the number of its device alone (from documentation)',
      '1083 700 252:8 / / rw,relatime shared:700 - ext4 /dev/dm-8 rw,stripe=16',
      101,
      'pve-vm--101--disk--0\n',
    ],
    [
      'ZFS (from documentation)',
      '1083 700 0:52 / / rw,relatime shared:700 - zfs rpool/data/subvol-101-disk-0 rw,xattr,posixacl,casesensitive',
      101,
    ],
    [
      'a directory, in a raw file (from documentation)',
      '611 500 7:0 / / rw,relatime - ext4 /dev/loop0 rw',
      101,
      '/var/lib/vz/images/101/vm-101-disk-0.raw\n',
    ],
    [
      'a directory, without quota (from documentation)',
      '611 500 8:1 /var/lib/vz/images/101/subvol-101-disk-0.subvol / rw - ext4 /dev/sda1 rw',
      101,
    ],
    [
      'NFS, in a raw file (from documentation)',
      '611 500 7:3 / / rw,relatime - ext4 /dev/loop3 rw',
      101,
      '/mnt/pve/nas/images/101/vm-101-disk-0.raw\n',
    ],
    [
      'Ceph RBD, by the image of its device (from documentation)',
      '611 500 251:0 / / rw,relatime - ext4 /dev/rbd0 rw,stripe=64',
      101,
      'vm-101-disk-0\n',
    ],
    [
      'Ceph RBD, by its path (from documentation)',
      '611 500 251:0 / / rw,relatime - ext4 /dev/rbd-pve/0c1f6d2e-7a1b-4c57-9d59-0d9a9f6f3f10/pool/vm-101-disk-0 rw',
      101,
    ],
    [
      'a linked clone, whose base is another guest (from documentation)',
      '611 500 0:52 /base-9000-disk-0/vm-2345-disk-1 / rw - nfs 10.0.0.9:/export rw',
      2345,
    ],
    [
      'a disk that is not the first (from documentation)',
      '611 500 0:52 / / rw - zfs tank/subvol-100000-disk-12 rw',
      100000,
    ],
  ])('is read from %s', (_storage, rootLine, vmid, sysfs) => {
    expect(vmidOf(at(rootLine, sysfs))).toBe(vmid);
  });

  it.each([
    ['/dev/loop12', 'sys/block/loop12/loop/backing_file'],
    ['/dev/dm-8', 'sys/block/dm-8/dm/name'],
    ['/dev/rbd3', 'sys/bus/rbd/devices/3/name'],
    ['/dev/rbd3p1', 'sys/bus/rbd/devices/3/name'],
    ['/dev/sda1', undefined],
    ['rpool/data/subvol-101-disk-0', undefined],
  ])('is looked for behind %s where sysfs has it', (source, path) => {
    expect(nameInSysfs(source)).toBe(path);
  });

  it('is read from the AppArmor label where the disk has no name (from documentation)', () => {
    const mountinfo = '611 500 251:0 / / rw,relatime - ext4 /dev/rbd0 rw';
    expect(vmidOf({ mountinfo, deviceName: null, appArmorLabel })).toBe(101);
  });

  it.each([
    ['Ceph with neither sysfs nor AppArmor', '611 500 251:0 / / rw,relatime - ext4 /dev/rbd0 rw'],
    ['a plain machine', '29 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw'],
  ])('is unknown on %s, and not guessed from other mounts', (_storage, rootLine) => {
    expect(vmidOf({ ...at(rootLine), appArmorLabel: 'unconfined\n' })).toBeNull();
  });

  it('is that of the mount that hides the first one', () => {
    const under = '611 500 0:45 /subvol-101-disk-0 / rw - btrfs /dev/loop0 rw';
    const over = '650 611 0:45 /subvol-201-disk-0 / rw - btrfs /dev/loop0 rw';
    expect(vmidOf({ mountinfo: `${under}\n${over}`, deviceName: null, appArmorLabel: null })).toBe(201);
  });
});

describe('a guest on Ceph', () => {
  it('is known by what sysfs says of its device', async () => {
    const root = await mkdtemp(join(tmpdir(), 'tacet-incarnation-'));
    const files = {
      'proc/self/mountinfo': '611 500 251:0 / / rw,relatime - ext4 /dev/rbd0 rw\n',
      'sys/bus/rbd/devices/0/name': 'vm-101-disk-0\n',
      'sys/class/net/eth0/address': 'bc:24:11:aa:bb:01\n',
    };
    try {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), text);
      }
      expect((await readIncarnation(root)).vmid).toBe(101);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

describe('the MAC addresses', () => {
  it('are those of the guest, not of the engine', () => {
    expect(
      macsOf([
        { name: 'lo', address: '00:00:00:00:00:00\n' },
        { name: 'eth1', address: 'BC:24:11:AA:BB:02\n' },
        { name: 'eth0', address: 'bc:24:11:aa:bb:01\n' },
        { name: 'docker0', address: '02:42:5d:8c:00:01\n' },
        { name: 'br-8d2f0c4b1a3e', address: '02:42:5d:8c:00:02\n' },
        { name: 'veth1a2b3c4', address: '02:42:5d:8c:00:03\n' },
        { name: 'wg0', address: '' },
      ]),
    ).toEqual(['bc:24:11:aa:bb:01', 'bc:24:11:aa:bb:02']);
  });
});

describe('a guest without AppArmor and machine-id', () => {
  it('is read all the same', async () => {
    const root = await mkdtemp(join(tmpdir(), 'tacet-incarnation-'));
    const files = {
      'proc/self/mountinfo': '611 500 0:45 /subvol-101-disk-0 / rw - btrfs /dev/loop0 rw\n',
      'proc/sys/kernel/random/boot_id': '8e6f5ab6-5d9c-4be2-9a76-1c2f0f2b7a51\n',
      'sys/class/net/eth0/address': 'bc:24:11:aa:bb:01\n',
    };
    try {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), text);
      }
      expect(await readIncarnation(root)).toMatchObject({
        vmid: 101,
        macs: ['bc:24:11:aa:bb:01'],
        machineId: '',
      });
      expect(await readBootId(root)).toBe('8e6f5ab6-5d9c-4be2-9a76-1c2f0f2b7a51');
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
