import { enrolAgent, FakeAgent, fakeIncarnation, FakeQuiesce, fakeStatus } from '@tacet/controller/testing';
import { type Operation, operationSchema } from '@tacet/protocol';
import { connect, type ProxmoxClient } from '@tacet/proxmox';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse, originalMac } from './house.ts';

const SELF = 'TacetSelf';
const holders = { users: ['tacet@pve'], tokens: ['tacet@pve!backup'] };

let undo: Undo;
let house: House;
let quiesce: FakeQuiesce;
let root: ProxmoxClient;

beforeEach(async () => {
  undo = new Undo();
  house = await openHouse(undo);
  quiesce = new FakeQuiesce(systemClock);
  const { url, fingerprint } = house.sim;
  const token = house.sim.createToken('root@pam', { tokenid: 'watch', privsep: false });
  root = connect({ url, token, trust: { fingerprint } });
  undo.defer(() => root.close());
  await enrolAndConnect();
});
afterEach(() => undo[Symbol.asyncDispose]());

async function enrolAndConnect(): Promise<void> {
  const incarnation = fakeIncarnation(101, originalMac);
  const credential = await enrolAgent(house.api, 101, incarnation);
  const agent = await FakeAgent.connect({
    url: house.controller.agentUrl,
    fingerprint: house.controller.fingerprint,
    credential,
    incarnation,
    status: fakeStatus('True'),
    answer: quiesce.answer.bind(quiesce),
  });
  undo.defer(() => agent[Symbol.asyncDispose]());
  await agent.next('welcome');
}

async function backUp(): Promise<Operation> {
  const { id } = await house.api.expect(operationSchema, 'POST', '/api/v1/guests/101/backups', {});
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await systemClock.sleep(50)) {
    const operation = await house.api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);
    if (operation.state !== 'running') return operation;
  }
  throw new Error(`the operation did not end:\n${house.log.join('')}`);
}

/** From the token that makes backups, the user's half or the token's. */
async function without(privilege: string, path: string): Promise<void> {
  const kept = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];
  await root.access.createRole(
    'Less',
    kept.filter((one) => one !== privilege),
  );
  await root.access.withdraw({ path, role: SELF, ...holders });
  await root.access.grant({ path, role: 'Less', ...holders });
}

const vzdumps = async (): Promise<number> =>
  (await root.tasks.list('pve1', { type: 'vzdump', vmid: 101, source: 'all' })).length;

describe('a backup that the node would refuse', () => {
  it.each([
    ['VM.Backup', '/vms/101'],
    ['Datastore.AllocateSpace', '/storage/local'],
  ])('for want of %s on %s is refused before the guest is held', async (privilege, path) => {
    await without(privilege, path);
    const operation = await backUp();
    expect(operation).toMatchObject({ state: 'failed', backup: null, error: { code: 'node-refused' } });
    expect(operation.error?.message).toContain(`token tacet@pve!backup lacks ${privilege} on ${path}`);
    expect(operation.error?.hint).toContain('tacet doctor 101');
    expect(quiesce.journal).toEqual([]);
    expect(await vzdumps()).toBe(0);
  });

  it('for want of one half of the grant is refused before the guest is held', async () => {
    await root.access.withdraw({ path: '/storage/local', role: SELF, users: holders.users });
    expect(await backUp()).toMatchObject({ state: 'failed', error: { code: 'node-refused' } });
    expect(quiesce.journal).toEqual([]);
  });

  it('because the storage is disabled is refused before the guest is held', async () => {
    const storage = { storage: 'local', type: 'dir', content: ['backup'], path: '/var/lib/vz' } as const;
    house.sim.setStorage({ ...storage, disabled: true });
    expect(await backUp()).toMatchObject({ state: 'failed', error: { code: 'invalid-input' } });
    expect(quiesce.journal).toEqual([]);
  });
});

describe('a backup that the node may refuse', () => {
  it('is held and asked for where the node does not say what the token may do', async () => {
    house.sim.breakPath('/access/permissions', true);
    const operation = await backUp();
    expect(operation).toMatchObject({ state: 'succeeded', backup: { verdict: { consistency: 'app' } } });
    expect(operation.steps.map(({ name }) => name)).toContain('grants-unknown');
    expect(quiesce.journal).toEqual(['prepare', 'hold', 'thaw']);
  });

  it('and does, where nobody could know, leaves nothing held', async () => {
    house.sim.breakPath('/access/permissions', true);
    await without('VM.Backup', '/vms/101');
    expect(await backUp()).toMatchObject({ state: 'failed', backup: null });
    expect(quiesce.isHeld).toBe(false);
    expect(quiesce.journal).toContain('thaw');
  });

  it('is made with what comes through a pool', async () => {
    await root.access.createPool('all');
    house.sim.putInPool(101, 'all');
    await root.access.withdraw({ path: '/vms/101', role: SELF, ...holders });
    await root.access.grant({ path: '/pool/all', role: SELF, ...holders });
    expect(await backUp()).toMatchObject({ state: 'succeeded', backup: { verdict: { consistency: 'app' } } });
  });
});
