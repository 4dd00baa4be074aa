import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../run.ts';
import { firstAddress } from './setup.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-setup-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function tacet(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const code = await run({
    argv,
    env: {},
    stdout: (text) => void (said.stdout += text),
    stderr: (text) => void (said.stderr += text),
    signal: new AbortController().signal,
  });
  return { code, ...said };
}

function of(address: string, family: 'IPv4' | 'IPv6', internal = false) {
  return { address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 } as const;
}

describe('tacet setup', () => {
  it('writes a configuration once, and leaves it alone from then on', async () => {
    const config = join(directory, 'etc', 'controller.json');
    const first = await tacet('setup', '--config', config, '--address', '192.0.2.10', '--node', 'pve1');
    expect(first).toMatchObject({ code: 0, stdout: /systemctl start tacet-controller/ });
    const text = await readFile(config, 'utf8');
    expect(JSON.parse(text)).toEqual({
      listen: { address: '0.0.0.0', port: 8443 },
      agentUrl: 'https://192.0.2.10:8443',
      stateDir: '/var/lib/tacet-controller',
      keyFile: '/etc/tacet/controller.key',
      hook: { socket: '/run/tacet/hook.sock', node: 'pve1' },
      nodes: [],
    });
    expect((await stat(config)).mode & 0o777).toBe(0o640);
    const second = await tacet('setup', '--config', config, '--address', '192.0.2.11');
    expect(second).toMatchObject({ code: 1, stderr: /is there already/ });
    expect(await readFile(config, 'utf8')).toBe(text);
  });

  it('listens on IPv6 where that is the address', async () => {
    const config = join(directory, 'controller.json');
    await tacet('setup', '--config', config, '--address', '2001:db8::1', '--port', '9000');
    expect(JSON.parse(await readFile(config, 'utf8'))).toMatchObject({
      listen: { address: '::', port: 9000 },
      agentUrl: 'https://[2001:db8::1]:9000',
    });
  });

  it.each([
    ['--port', 'abc'],
    ['--port', '99999'],
    ['--address', 'not an address'],
  ])('writes nothing for %s %s', async (option, value) => {
    const config = join(directory, 'controller.json');
    const refused = await tacet('setup', '--config', config, '--address', '192.0.2.10', option, value);
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: /not a port|not an address/ });
    await expect(stat(config)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes the first address that others can reach', () => {
    expect(
      firstAddress({
        lo: [of('127.0.0.1', 'IPv4', true)],
        vmbr0: [of('fe80::1', 'IPv6'), of('2001:db8::1', 'IPv6'), of('192.0.2.7', 'IPv4')],
      }),
    ).toBe('192.0.2.7');
    expect(firstAddress({ vmbr0: [of('fe80::1', 'IPv6'), of('2001:db8::1', 'IPv6')] })).toBe('2001:db8::1');
    expect(firstAddress({ lo: [of('127.0.0.1', 'IPv4', true)] })).toBeUndefined();
  });
});
