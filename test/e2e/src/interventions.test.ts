import {
  enrolAgent,
  type ApiClient,
  FakeAgent,
  fakeIncarnation,
  FakeQuiesce,
} from '@tacet/controller/testing';
import {
  auditListSchema,
  nodeListSchema,
  type Operation,
  operationSchema,
  settingListSchema,
  thawResultSchema,
} from '@tacet/protocol';
import { connect } from '@tacet/proxmox';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse, originalMac } from './house.ts';

const names = ({ steps }: Operation): string[] => steps.map(({ name }) => name);

describe('somebody who does not want to wait, on a simulated node', () => {
  let undo: Undo;
  let house: House;
  let quiesce: FakeQuiesce;
  let agent: FakeAgent;

  beforeEach(async () => {
    undo = new Undo();
    house = await openHouse(undo);
    quiesce = new FakeQuiesce(systemClock);
    const incarnation = fakeIncarnation(101, originalMac);
    const credential = await enrolAgent(house.api, 101, incarnation);
    const { agentUrl, fingerprint } = house.controller;
    const answer = quiesce.answer.bind(quiesce);
    agent = await FakeAgent.connect({ url: agentUrl, fingerprint, credential, incarnation, answer });
    undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
  });
  afterEach(() => undo[Symbol.asyncDispose]());

  const post = (path: string, body?: unknown): ReturnType<ApiClient['call']> =>
    house.api.call('POST', `/api/v1${path}`, body);
  const start = (path: string, body?: unknown): Promise<Operation> =>
    house.api.expect(operationSchema, 'POST', `/api/v1${path}`, body);
  const see = (id: string): Promise<Operation> =>
    house.api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);

  async function until(id: string, is: (operation: Operation) => boolean): Promise<Operation> {
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; await systemClock.sleep(10)) {
      const operation = await see(id);
      if (is(operation)) return operation;
    }
    throw new Error(`it never came to that: ${JSON.stringify(await see(id))}`);
  }
  const ended = (id: string): Promise<Operation> => until(id, ({ state }) => state !== 'running');

  it('cancels a backup: thawed, stopped at the node, nothing left there, and the next one is made', async () => {
    const backup = await start('/guests/101/backups', {});
    await until(backup.id, (operation) => names(operation).includes('requested'));
    expect((await post(`/operations/${backup.id}/cancellation`)).status).toBe(202);
    const end = await ended(backup.id);
    expect(quiesce.isHeld).toBe(false);
    expect(end).toMatchObject({ state: 'failed', backup: null, error: { code: 'cancelled' } });
    expect(end.error?.message).toMatch(/cancelled by token .*; the node stopped it/);

    const { url, fingerprint } = house.sim;
    const token = { id: 'tacet@pve!backup', secret: 'backup-secret' };
    await using node = connect({ url, token, trust: { fingerprint } });
    expect(await node.storage.backups({ node: 'pve1', storage: 'local' })).toEqual([]);
    expect(await node.lxc.snapshots({ node: 'pve1', vmid: 101 })).toEqual([]);

    const again = await ended((await start('/guests/101/backups', {})).id);
    expect(again.backup?.verdict.consistency).toBe('app');

    const { entries } = await house.api.expect(auditListSchema, 'GET', '/api/v1/audit?limit=10');
    expect(entries.map(({ what, outcome }) => [what.split(':')[0], outcome])).toContainEqual([
      'Cancel a backup or a rehearsal',
      'done',
    ]);
  });

  it('rehearses, which no node hears of', async () => {
    const { id } = await start('/guests/101/rehearsals');
    expect(await ended(id)).toMatchObject({ kind: 'rehearsal', state: 'succeeded' });
    expect(quiesce.journal).toEqual(['prepare', 'hold', 'thaw']);
  });

  it('thaws a backup in the middle of its hold, which costs it its verdict and nothing else', async () => {
    quiesce.before = async (method) => {
      if (method === 'renew' || method === 'thaw') return;
      if (method === 'hold') setTimeout(() => void thaw(), 20);
    };
    const thawed = Promise.withResolvers<unknown>();
    const thaw = async (): Promise<void> =>
      thawed.resolve(await house.api.expect(thawResultSchema, 'POST', '/api/v1/guests/101/thaw'));
    const end = await ended((await start('/guests/101/backups', {})).id);
    expect(await thawed.promise).toMatchObject({ releasedBy: 'operator', thawed: true });
    expect(end.backup?.verdict).toMatchObject({ consistency: 'crash', reason: 'HoldLost' });
    expect(names(end)).toContain('thawed-now');
  });

  it('is told so while the agent is away, and what happens by itself', async () => {
    await agent[Symbol.asyncDispose]();
    await expect.poll(async () => (await post('/guests/101/rehearsals')).status).toBe(409);
    expect((await post('/guests/101/thaw')).body).toMatchObject({
      code: 'guest-not-connected',
      hint: expect.stringContaining('by itself within 3 s'),
    });
    expect((await post('/operations/nobody/cancellation')).status).toBe(404);
  });

  it('sees which nodes answer, and how the controller is set up, and no secret', async () => {
    const { nodes } = await house.api.expect(nodeListSchema, 'GET', '/api/v1/nodes');
    expect(nodes).toMatchObject([
      {
        name: 'pve1',
        simulated: true,
        reachable: { answered: true },
        tokens: { shared: 'tacet@pve!backup', restore: 'op@pve!restore', guests: [] },
      },
    ]);
    const { settings } = await house.api.expect(settingListSchema, 'GET', '/api/v1/settings');
    expect(settings.find(({ name }) => name === 'leaseMs')).toEqual({
      name: 'leaseMs',
      value: 3_000,
      isDefault: false,
    });
    expect(JSON.stringify([nodes, settings])).not.toMatch(/backup-secret|restore-secret|secretFile/);
    await house.sim[Symbol.asyncDispose]();
    const gone = await house.api.expect(nodeListSchema, 'GET', '/api/v1/nodes');
    expect(gone.nodes[0]?.reachable.answered).toBe(false);
  });
});
