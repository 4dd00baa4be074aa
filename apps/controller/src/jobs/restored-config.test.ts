import { describe, expect, it } from 'vitest';
import { configOf } from '../testing/fake-node.ts';
import { describeSettings, disksBytes, lostSettings, netOverride } from './restored-config.ts';
import { drillMark, isOwnScratch } from './scratch-mark.ts';
import { snapshotName } from './snapshot-job.ts';

const archived = configOf({
  net0: 'name=eth0,bridge=vmbr0,firewall=1,gw=10.0.0.1,hwaddr=BC:24:11:00:00:01,ip=10.0.0.5/24,ip6=fd00::5/64,tag=7,type=veth',
});

describe('the network of a restored guest', () => {
  it.each([
    ['keep', { policy: 'keep' } as const, false, undefined],
    ['dhcp', { policy: 'dhcp' } as const, false, 'name=eth0,bridge=vmbr0,firewall=1,tag=7,ip=dhcp'],
    [
      'a static address without a gateway',
      { policy: 'static', address: '10.0.0.7/24' } as const,
      false,
      'name=eth0,bridge=vmbr0,firewall=1,tag=7,ip=10.0.0.7/24',
    ],
    [
      'link down, in place: it keeps its MAC address',
      { policy: 'link-down' } as const,
      true,
      'name=eth0,bridge=vmbr0,firewall=1,gw=10.0.0.1,hwaddr=BC:24:11:00:00:01,ip=10.0.0.5/24,ip6=fd00::5/64,tag=7,link_down=1',
    ],
    [
      'an isolated bridge: no VLAN and no address of the original',
      { policy: 'bridge', bridge: 'vmbr9', address: '10.9.0.2/24', gateway: '10.9.0.1' } as const,
      false,
      'name=eth0,firewall=1,bridge=vmbr9,ip=10.9.0.2/24,gw=10.9.0.1',
    ],
  ])('%s', (_, network, keepMac, expected) => {
    expect(netOverride(archived, network, keepMac)).toBe(expected);
  });

  it('cannot be changed where there is none', () => {
    const bare = { ...archived, networks: {} };
    expect(() => netOverride(bare, { policy: 'dhcp' }, false)).toThrow('has no net0');
    expect(netOverride(bare, { policy: 'keep' }, false)).toBeUndefined();
  });
});

describe('what Docker needs of a restored guest', () => {
  it('is said to be lost where it is', () => {
    expect(lostSettings(configOf({}), configOf({}))).toEqual([]);
    expect(lostSettings(configOf({}), configOf({ unprivileged: '0', features: 'nesting=1' }))).toEqual([
      'unprivileged was 1, and is 0 now',
      'keyctl was 1, and is 0 now',
    ]);
    expect(describeSettings(configOf({ features: 'nesting=1' }))).toBe('unprivileged, nesting=1, keyctl=0');
  });
});

describe('the room that a guest may need', () => {
  it('is what its disks are configured to, without those that no backup has', () => {
    const disks = {
      rootfs: 'a:vm-1-disk-0,size=8G',
      mp0: 'a:vm-1-disk-1,mp=/data,backup=1,size=512M',
      mp1: 'a:vm-1-disk-2,mp=/scratch,size=100G',
      mp2: '/srv,mp=/srv,backup=1',
    };
    expect(disksBytes(configOf(disks))).toBe(8.5 * 1024 ** 3);
    expect(disksBytes(configOf({ rootfs: 'a:subvol-1-disk-0,size=0T' }))).toBeNull();
  });
});

describe('a scratch guest', () => {
  it('is only the one whose description names this very drill, whatever its tags say', () => {
    const { description } = drillMark('op-1', 101);
    // As Proxmox VE gives it back.
    const config = { description: `${description}\n` };
    expect(isOwnScratch(config, 'op-1')).toBe(true);
    expect(isOwnScratch(config, 'op-11')).toBe(false);
    expect(isOwnScratch(config, 'op-')).toBe(false);
    expect(isOwnScratch({ description: `a note on tacet-drill op-1\n` }, 'op-1')).toBe(false);
    expect(isOwnScratch({ description: '' }, 'op-1')).toBe(false);
  });
});

describe('the name of a snapshot', () => {
  it.each([
    ['upgrade nextcloud', 'before-upgrade-nextcloud'],
    ['Größere Änderung: Übung #1!', 'before-gro-ere-anderung-ubung-1'],
    ['???', 'before-change'],
    ['a'.repeat(100), `before-${'a'.repeat(33)}`],
  ])('for %s is one that Proxmox VE takes: %s', (before, name) => {
    expect(snapshotName(before)).toBe(name);
    expect(name).toMatch(/^[a-z][a-z0-9_-]{1,39}$/);
  });
});
