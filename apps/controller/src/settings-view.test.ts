import { expect, it } from 'vitest';
import { parseConfig } from './config.ts';
import { settingsView } from './settings-view.ts';

const least = { listen: { address: '127.0.0.1', port: 8443 }, stateDir: '/var/lib/tacet', nodes: [] };

it('says what applies, and what of it is the default', () => {
  const settings = settingsView(parseConfig({ ...least, leaseMs: 12_000, trustedProxies: ['10.0.0.1'] }));
  const of = (name: string) => settings.find((setting) => setting.name === name);
  expect(of('leaseMs')).toEqual({ name: 'leaseMs', value: 12_000, isDefault: false });
  expect(of('maxHoldMs')).toEqual({ name: 'maxHoldMs', value: 120_000, isDefault: true });
  expect(of('trustedProxies')).toMatchObject({ value: ['10.0.0.1'], isDefault: false });
  expect(of('hook.socket')).toEqual({ name: 'hook.socket', value: null, isDefault: true });
});

it('shows no file of a secret, and nothing of a node', () => {
  const token = { id: 'tacet@pve!one', secretFile: '/etc/tacet/secret-of-a-node' };
  const node = {
    name: 'pve1',
    url: 'https://pve1:8006',
    trust: { ca: '/ca.pem' },
    backupToken: token,
    storage: 'local',
  };
  const text = JSON.stringify(settingsView(parseConfig({ ...least, nodes: [node] })));
  expect(text).not.toMatch(/secret|pve1|tacet@pve/);
});
