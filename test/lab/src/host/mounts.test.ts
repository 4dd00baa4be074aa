import { describe, expect, it } from 'vitest';
import { parseMountinfo } from './mounts.ts';

describe('parseMountinfo', () => {
  it('finds mount point and type, whatever optional fields stand between', () => {
    const text = [
      '66 42 0:39 /subvol-101-disk-0 / rw,noatime shared:1 - btrfs /dev/loop0 rw,subvolid=258',
      '67 66 0:44 / /a\\040b rw - overlay overlay rw,lowerdir=/x',
      '68 66 0:45 / /c rw shared:3 master:1 propagate_from:2 - proc proc rw',
      '',
    ].join('\n');
    expect(parseMountinfo(text)).toEqual([
      { mountPoint: '/', type: 'btrfs' },
      { mountPoint: '/a b', type: 'overlay' },
      { mountPoint: '/c', type: 'proc' },
    ]);
  });
});
