import { describe, expect, it } from 'vitest';
import { parsePlacedMounts, placesOf } from './placed-mounts.ts';

// As a guest on btrfs shows them; a container with a volume, a file of the guest, a tmpfs and a network mount.
const guest = parsePlacedMounts(
  [
    '500 400 0:53 /subvol-101-disk-0 / rw,relatime shared:1 - btrfs /dev/loop0 rw,subvolid=256',
    '510 500 0:60 / /var/lib/docker/overlay2/abc/merged rw,relatime shared:9 - overlay overlay rw',
    '511 500 0:53 /subvol-101-disk-0/srv /mnt/srv\\040ro ro,relatime - btrfs /dev/loop0 rw',
  ].join('\n'),
);
const container = parsePlacedMounts(
  [
    '700 600 0:60 / / rw,relatime - overlay overlay rw',
    '701 700 0:53 /subvol-101-disk-0/var/lib/docker/volumes/app/_data /data rw,relatime - btrfs /dev/loop0 rw',
    '702 700 0:53 /subvol-101-disk-0/srv/my\\040app.db /data/one.db rw,relatime - btrfs /dev/loop0 rw',
    '703 700 0:71 / /run rw,nosuid - tmpfs tmpfs rw',
    '704 700 0:72 /export /share rw - nfs4 nas:/export rw',
    '',
  ].join('\n'),
);

describe('a file of a container is seen in the guest', () => {
  it.each([
    ['in a volume', '/data/app.db', ['/var/lib/docker/volumes/app/_data/app.db']],
    ['as a file that was mounted alone', '/data/one.db', ['/srv/my app.db']],
    ['in the container itself', '/app/app.db', ['/var/lib/docker/overlay2/abc/merged/app/app.db']],
    ['not in memory', '/run/app.db', []],
    ['not over the network', '/share/app.db', []],
    ['by whole names', '/database/app.db', ['/var/lib/docker/overlay2/abc/merged/database/app.db']],
  ])('%s: %s', (_where, path, places) => {
    expect(placesOf(path, container, guest)).toEqual(places);
  });

  it('where the later of two mounts covers the earlier', () => {
    const covered = [...container, ...parsePlacedMounts('705 700 0:73 / /data rw - tmpfs tmpfs rw')];
    expect(placesOf('/data/app.db', covered, guest)).toEqual([]);
  });
});
