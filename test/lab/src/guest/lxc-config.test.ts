import { describe, expect, it } from 'vitest';
import { type LxcConfigInput, renderLxcConfig } from './lxc-config.ts';

const input: LxcConfigInput = {
  vmid: 201,
  hostname: 'shop',
  mac: 'BC:24:11:80:00:01',
  memoryMb: 512,
  rootPath: '/storage/subvol-201-disk-0',
  consoleLog: '/log',
  host: { cgroups: 'hybrid', appArmor: false },
};

const values = (config: string, key: string): string[] =>
  config
    .split('\n')
    .filter((line) => line.startsWith(`${key} =`))
    .map((line) => line.slice(line.indexOf('=') + 1).trim());

describe('renderLxcConfig', () => {
  it('makes the guest unprivileged, with the ids shifted', () => {
    expect(values(renderLxcConfig(input), 'lxc.idmap')).toEqual(['u 0 100000 65536', 'g 0 100000 65536']);
  });

  it('takes the address from the VMID and the hostname and MAC from the guest', () => {
    const config = renderLxcConfig(input);
    expect(values(config, 'lxc.net.0.ipv4.address')).toEqual(['10.213.0.201/16 10.213.255.255']);
    expect(values(config, 'lxc.uts.name')).toEqual(['shop']);
    expect(values(config, 'lxc.net.0.hwaddr')).toEqual(['BC:24:11:80:00:01']);
  });

  it('never lets LXC mount the cgroup trees of the machine', () => {
    expect(values(renderLxcConfig(input), 'lxc.mount.auto')).toEqual(['', 'proc:mixed sys:mixed']);
  });

  it('limits memory by the controller that the machine has', () => {
    const bytes = `${512 * 1024 * 1024}`;
    const hybrid = renderLxcConfig(input);
    const unified = renderLxcConfig({ ...input, host: { cgroups: 'unified', appArmor: true } });
    expect(values(hybrid, 'lxc.cgroup.memory.limit_in_bytes')).toEqual([bytes]);
    expect(values(hybrid, 'lxc.cgroup2.memory.max')).toEqual([]);
    expect(values(unified, 'lxc.cgroup2.memory.max')).toEqual([bytes]);
    expect(values(unified, 'lxc.apparmor.profile')).toEqual(['generated']);
  });

  it('names its cable and its bridge, so that a take-down knows what is the lab’s', () => {
    expect(values(renderLxcConfig(input), 'lxc.net.0.link')).toEqual(['tacetlab0']);
    expect(values(renderLxcConfig(input), 'lxc.net.0.veth.pair')).toEqual(['tacetlab-201']);
  });
});
