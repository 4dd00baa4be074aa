import { describe, expect, it } from 'vitest';
import { lxcConfigSchema, parseArchivedConfig, printProperties } from './lxc-config.ts';
import { escapeNotes } from './vzdump.ts';

describe("a guest's configuration", () => {
  it('tells which mounts a backup takes along', () => {
    const { mountPoints } = lxcConfigSchema.parse({
      digest: 'x',
      rootfs: 'local-lvm:vm-101-disk-0,size=8G',
      mp0: 'local-lvm:vm-101-disk-1,mp=/data,backup=1,size=4G',
      mp1: 'local-lvm:vm-101-disk-2,mp=/scratch,size=4G',
      mp2: '/mnt/host,mp=/bind,backup=1',
      mp3: '/dev/sdb1,mp=/dev-mount,backup=1',
      mp10: 'volume=local:101/vm-101-disk-3.raw,mp=/named,backup=yes',
    });
    expect(mountPoints.map(({ key, path, kind, backedUp }) => [key, path, kind, backedUp])).toEqual([
      ['rootfs', '/', 'volume', true],
      ['mp0', '/data', 'volume', true],
      ['mp1', '/scratch', 'volume', false],
      ['mp2', '/bind', 'bind', false],
      ['mp3', '/dev-mount', 'device', false],
      ['mp10', '/named', 'volume', true],
    ]);
  });

  it('has sober defaults and shows a lock that a killed backup left', () => {
    expect(lxcConfigSchema.parse({ digest: 'x', lock: 'backup', memory: 512 })).toMatchObject({
      unprivileged: false,
      features: {},
      lock: 'backup',
      mountPoints: [],
      networks: {},
      tags: [],
    });
  });
});

describe('the configuration in an archive', () => {
  it("is read as the guest's own, without that of its snapshots", () => {
    const text = [
      '#a description that is no setting: x',
      'arch: amd64',
      'features: nesting=1,keyctl=1',
      'net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth',
      'rootfs: local-lvm:vm-101-disk-0,size=8G',
      'unprivileged: 1',
      '',
      '[before]',
      'unprivileged: 0',
    ].join('\n');
    const config = parseArchivedConfig(text);
    expect(config).toMatchObject({
      unprivileged: true,
      protection: false,
      features: { nesting: '1', keyctl: '1' },
      mountPoints: [{ key: 'rootfs', sizeBytes: 8 * 1024 ** 3 }],
    });
    expect(printProperties(config.networks['net0'] ?? {})).toBe(
      'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth',
    );
  });
});

describe("a backup's notes", () => {
  it('travel on one line and contain no variable of the template language', () => {
    expect(escapeNotes('verdict: app\nC:\\x {{guestname}} {{{')).toBe(
      'verdict: app\\nC:\\\\x { {guestname}} { { {',
    );
  });
});
