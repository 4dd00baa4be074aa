import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig, startController } from '@tacet/controller';
import { ApiClient } from '@tacet/controller/testing';
import { type Operation, operationSchema } from '@tacet/protocol';
import { guestRole, connect, type ProxmoxClient } from '@tacet/proxmox';
import { MemoryBackend, type PveSim, startPveSim } from '@tacet/pve-sim';
import { silentLogger, systemClock, Undo } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const OPERATOR = [...guestRole.privileges, 'VM.Allocate', 'VM.PowerMgmt', 'SDN.Use'];

/** Each may do something with these; the user may do it with all. */
const grants: Readonly<Record<string, readonly number[]>> = {
  'guest-101': [101],
  // It is configured for 102, and somebody has granted it another guest.
  'guest-102': [101],
  'guest-103': [103],
};

const undo = new Undo();
let sim: PveSim;
let api: ApiClient;
let root: ProxmoxClient;

const to = (tokenid: string): string => `tacet@pve!${tokenid}`;

function configOf(vmid: number): Record<string, string | number> {
  return {
    hostname: `ct${vmid}`,
    unprivileged: 1,
    rootfs: `btr:${vmid}/vm-${vmid}-disk-0.raw,size=2G`,
    net0: `name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:02:${vmid % 100}0,type=veth`,
    arch: 'amd64',
    memory: 512,
    ostype: 'debian',
  };
}

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tacet-guest-tokens-'));
  undo.defer(() => rm(directory, { recursive: true }));
  const tokens = Object.keys(grants).map((tokenid) => ({ tokenid, secret: `secret-${tokenid}` }));
  const acl = Object.entries(grants).flatMap(([tokenid, vmids]) =>
    [...vmids.map((vmid) => `/vms/${vmid}`), '/storage/local'].map((path) => ({
      path,
      role: guestRole.role,
      to: to(tokenid),
    })),
  );
  sim = await startPveSim({
    backend: new MemoryBackend({
      guests: [101, 102, 103].map((vmid) => ({ vmid, config: configOf(vmid) })),
      stepMs: 20,
    }),
    storages: [
      { storage: 'local', type: 'dir', content: ['backup'], path: '/var/lib/vz' },
      { storage: 'btr', type: 'btrfs', content: ['rootdir', 'images'], path: '/mnt/btr' },
    ],
    users: [
      { userid: 'tacet@pve', tokens },
      { userid: 'op@pve', tokens: [{ tokenid: 'restore', secret: 'secret-restore' }] },
    ],
    roles: { [guestRole.role]: guestRole.privileges, TacetOperator: OPERATOR },
    acl: [
      ...['/vms', '/storage/local'].map((path) => ({ path, role: guestRole.role, to: 'tacet@pve' })),
      ...['op@pve', 'op@pve!restore'].map((who) => ({ path: '/', role: 'TacetOperator', to: who })),
      ...acl,
    ],
    bridges: ['vmbr0'],
    timing: { authDelayMs: 20, forkMs: 5, statusLagMs: 5 },
  });
  undo.defer(() => sim[Symbol.asyncDispose]());
  const file = async (name: string): Promise<string> => {
    await writeFile(join(directory, name), `secret-${name}\n`, { mode: 0o600 });
    return join(directory, name);
  };
  const own = async (name: string) => ({ id: to(name), secretFile: await file(name) });
  const controller = await startController({
    config: parseConfig({
      listen: { address: '127.0.0.1', port: 0 },
      stateDir: join(directory, 'state'),
      nodes: [
        {
          name: 'pve1',
          url: sim.url,
          trust: { fingerprint: sim.fingerprint },
          simulated: true,
          guestTokens: { 101: await own('guest-101'), 102: await own('guest-102') },
          restoreToken: { id: 'op@pve!restore', secretFile: await file('restore') },
          storage: 'local',
          pollMs: 20,
        },
      ],
    }),
    log: silentLogger,
  });
  undo.defer(() => controller[Symbol.asyncDispose]());
  api = await ApiClient.of(controller.clientFile);
  const token = sim.createToken('root@pam', { tokenid: 'watch', privsep: false });
  root = connect({ url: sim.url, token, trust: { fingerprint: sim.fingerprint } });
  undo.defer(() => root.close());
});
afterAll(() => undo[Symbol.asyncDispose]());

async function backUp(vmid: number): Promise<Operation> {
  const { id } = await api.expect(operationSchema, 'POST', `/api/v1/guests/${vmid}/backups`, {});
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await systemClock.sleep(50)) {
    const operation = await api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);
    if (operation.state !== 'running') return operation;
  }
  throw new Error('the operation did not end');
}

async function owners(vmid: number): Promise<string[]> {
  const tasks = await root.tasks.list('pve1', { type: 'vzdump', vmid, source: 'all' });
  return tasks.map(({ upid }) => upid.split(':')[7] ?? '');
}

describe('a node with a token for each guest', () => {
  it('backs a guest up with its own', async () => {
    expect(await backUp(101)).toMatchObject({ state: 'succeeded', error: null });
    expect(await owners(101)).toEqual(['tacet@pve!guest-101']);
  });

  it('refuses a guest whose own token lacks the grant, although another token has it', async () => {
    sim.grant('tacet@pve!guest-101', '/vms/102', 'TacetSelf');
    const operation = await backUp(102);
    expect(operation).toMatchObject({ state: 'failed', backup: null });
    expect(operation.error?.hint).toContain('/vms/102');
    expect((await owners(102)).filter((owner) => owner !== 'tacet@pve!guest-102')).toEqual([]);
  });

  it('refuses a guest that has none, and says how it gets one', async () => {
    const operation = await backUp(103);
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'invalid-input' } });
    expect(operation.error?.hint).toContain('guestTokens.103');
    expect(await owners(103)).toEqual([]);
  });

  it('restores with the operator’s', async () => {
    const path = '/api/v1/guests/101/restores';
    const { id } = await api.expect(operationSchema, 'POST', path, { to: 201 });
    await expect
      .poll(() => api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`), { timeout: 20_000 })
      .toMatchObject({ steps: expect.arrayContaining([expect.objectContaining({ name: 'started' })]) });
  });
});
