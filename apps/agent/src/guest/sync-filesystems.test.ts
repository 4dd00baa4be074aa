import { describe, expect, it } from 'vitest';
import { mountPointsOnDisk, syncFilesystems } from './sync-filesystems.ts';

describe('what is synced before a hold', () => {
  it('is every filesystem on a disk, once, and nothing that could keep it waiting', () => {
    const mountinfo = [
      '650 620 0:53 /subvol-101-disk-0 / rw,relatime shared:1 - btrfs /dev/loop0 rw,space_cache=v2',
      '651 650 0:60 / /proc rw,nosuid - proc proc rw',
      '652 650 0:53 /subvol-101-disk-0/var/lib/docker /var/lib/docker rw - btrfs /dev/loop0 rw',
      String.raw`653 650 254:7 / /srv/my\040data rw,noatime - ext4 /dev/mapper/pve-vm--101--disk--1 rw`,
      '654 650 254:8 / /srv/templates ro,noatime - ext4 /dev/mapper/pve-vm--101--disk--2 ro',
      '655 650 0:61 / /mnt/nas rw - nfs4 nas:/export rw',
      '656 650 0:62 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw',
      '657 650 0:63 / /run rw - tmpfs tmpfs rw',
      '',
    ].join('\n');
    expect(mountPointsOnDisk(mountinfo)).toEqual(['/', '/srv/my data']);
  });

  it('really is synced on this machine, and gives up when told to', async () => {
    await syncFilesystems(new AbortController().signal);
    await expect(syncFilesystems(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  });
});
