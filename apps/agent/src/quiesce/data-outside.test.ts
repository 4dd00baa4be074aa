import { expect, it } from 'vitest';
import { parseMountinfo } from '../guest/mountinfo.ts';
import { dataOutside } from './data-outside.ts';

const mounts = parseMountinfo(
  [
    '650 620 0:53 /subvol-101-disk-0 / rw,relatime - btrfs /dev/loop0 rw',
    '651 650 0:53 /subvol-101-disk-0/var/lib/docker /var/lib/docker rw - btrfs /dev/loop0 rw',
    '652 650 254:7 / /srv/media rw - ext4 /dev/mapper/pve-vm--101--disk--1 rw',
    '653 650 0:61 / /mnt/nas rw - nfs4 nas:/export rw',
    '654 650 0:63 / /run rw - tmpfs tmpfs rw',
  ].join('\n'),
);

const mounted = (source: string, readOnly = false) => ({ source, target: '/data', readOnly });

it.each([
  ['/var/lib/docker/volumes/shop_db/_data', []],
  ['/opt/stacks/shop/conf', []],
  ['/run/docker.sock', []],
  [
    '/srv/media/films',
    [
      'what it writes to /data lies on /srv/media (ext4): a backup has it only if that is a mount point with backup=1',
    ],
  ],
  [
    '/mnt/nas',
    [
      'what it writes to /data lies on /mnt/nas (nfs4): a backup has it only if that is a mount point with backup=1',
    ],
  ],
  ['/mnt/nasty', []],
  ['/var/tmp/x', ['what it writes to /data lies in /var/tmp/x, which vzdump leaves out']],
])('knows whether a backup of the guest contains %s', (source, notes) => {
  expect(dataOutside([mounted(source)], mounts)).toEqual(notes);
  expect(dataOutside([mounted(source, true)], mounts)).toEqual([]);
});
