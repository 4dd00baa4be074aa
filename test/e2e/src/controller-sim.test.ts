import { enrolAgent, FakeAgent, fakeIncarnation, FakeQuiesce, fakeStatus } from '@tacet/controller/testing';
import {
  backupListSchema,
  eventListSchema,
  guestListSchema,
  guestSchema,
  type Operation,
  operationSchema,
  problemSchema,
} from '@tacet/protocol';
import { connect } from '@tacet/proxmox';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse, originalMac } from './house.ts';

const copyMac = 'bc:24:11:00:00:02';

async function enrol(house: House, vmid: number): Promise<string> {
  return await enrolAgent(house.api, vmid, fakeIncarnation(vmid, originalMac));
}

async function ended(house: House, started: Operation): Promise<Operation> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await systemClock.sleep(50)) {
    const operation = await house.api.expect(operationSchema, 'GET', `/api/v1/operations/${started.id}`);
    if (operation.state !== 'running') return operation;
  }
  throw new Error(`the operation did not end:\n${house.log.join('')}`);
}

async function backUp(house: House, vmid: number): Promise<Operation> {
  const started = await house.api.expect(operationSchema, 'POST', `/api/v1/guests/${vmid}/backups`, {});
  return await ended(house, started);
}

describe('a controller, a simulated node and agents on real sockets', () => {
  let undo: Undo;
  let house: House;
  let quiesce: FakeQuiesce;

  beforeEach(async () => {
    undo = new Undo();
    house = await openHouse(undo);
    quiesce = new FakeQuiesce(systemClock);
  });
  afterEach(() => undo[Symbol.asyncDispose]());

  async function volumes(): Promise<string[]> {
    const { url, fingerprint } = house.sim;
    const token = { id: 'tacet@pve!backup', secret: 'backup-secret' };
    await using node = connect({ url, token, trust: { fingerprint } });
    return (await node.storage.backups({ node: 'pve1', storage: 'local' })).map(({ volid }) => volid);
  }

  async function agentOf(vmid: number, credential: string): Promise<FakeAgent> {
    const { agentUrl: url, fingerprint } = house.controller;
    const incarnation = fakeIncarnation(vmid, originalMac);
    const answer = quiesce.answer.bind(quiesce);
    const agent = await FakeAgent.connect({ url, fingerprint, credential, incarnation, answer });
    undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
    return agent;
  }

  it('proves that the hold spans the snapshot, and says so in the notes on the node', async () => {
    await agentOf(101, await enrol(house, 101));
    const operation = await backUp(house, 101);

    expect(operation).toMatchObject({
      state: 'succeeded',
      error: null,
    });
    expect(operation.backup?.verdict).toMatchObject({ consistency: 'app', reason: 'HoldSpansSnapshot' });
    expect(operation.backup?.sizeBytes).toBeGreaterThan(0);
    expect(quiesce.isHeld).toBe(false);
    expect(quiesce.journal).toEqual(['prepare', 'hold', 'thaw']);

    await using root = connect({
      url: house.sim.url,
      token: { id: 'tacet@pve!backup', secret: 'backup-secret' },
      trust: { fingerprint: house.sim.fingerprint },
    });
    const [volume] = await root.storage.backups({ node: 'pve1', storage: 'local' });
    expect(volume?.volid).toBe(operation.backup?.volid);
    expect(volume?.notesFirstLine).toMatch(
      /^tacet: app-consistent, 2 services held \d+ ms, proof: held .*lease left/,
    );

    const { backups } = await house.api.expect(backupListSchema, 'GET', '/api/v1/backups?vmid=101');
    expect(backups).toHaveLength(1);
    const guest = await house.api.expect(guestSchema, 'GET', '/api/v1/guests/101');
    expect(guest).toMatchObject({ connected: true, simulated: true, lastBackup: { vmid: 101 } });
  });

  it('backs up a guest whose agent is away, and calls it what it is', async () => {
    await enrol(house, 101);
    const operation = await backUp(house, 101);
    expect(operation.state).toBe('succeeded');
    expect(operation.backup?.verdict).toMatchObject({ consistency: 'crash', reason: 'NotHeld', proof: null });
  });

  it('holds nothing where the storage cannot snapshot', async () => {
    await agentOf(102, await enrol(house, 102));
    const operation = await backUp(house, 102);
    expect(operation.state).toBe('succeeded');
    expect(operation.backup?.verdict.message).toContain('cannot snapshot');
    expect(quiesce.journal).toEqual([]);
  });

  it('adopts the copy that it ordered, tells it apart from the original, and sees it become ready', async () => {
    const credential = await enrol(house, 101);
    const original = await agentOf(101, credential);
    await backUp(house, 101);

    const started = await house.api.expect(operationSchema, 'POST', '/api/v1/guests/101/restores', {
      to: 201,
    });
    const { agentUrl: url, fingerprint } = house.controller;
    const incarnation = fakeIncarnation(201, copyMac);
    await using copy = await FakeAgent.connect({
      url,
      fingerprint,
      credential,
      incarnation,
      status: fakeStatus('False'),
    });
    const { identity } = await copy.next('welcome');
    expect(identity).toMatchObject({ kind: 'adopted', vmid: 201 });
    copy.send({ kind: 'status', sequence: 1, status: fakeStatus('True') });

    const operation = await ended(house, started);
    expect(operation).toMatchObject({
      state: 'succeeded',
      restoredTo: 201,
    });
    expect(operation.steps.map((step) => step.name)).toEqual(
      expect.arrayContaining(['ordered', 'restoring', 'restored', 'started', 'adopted', 'ready']),
    );
    expect(original.isOpen).toBe(true);

    const { guests } = await house.api.expect(guestListSchema, 'GET', '/api/v1/guests');
    expect(guests.map(({ vmid, identity: as, connected }) => [vmid, as, connected])).toEqual([
      [101, 'enrolled', true],
      [201, 'enrolled', true],
    ]);
  });

  it('quarantines a copy that nobody ordered, across reconnects, and leaves the original alone', async () => {
    const credential = await enrol(house, 101);
    const original = await agentOf(101, credential);
    const { agentUrl: url, fingerprint } = house.controller;
    const incarnation = fakeIncarnation(999, copyMac);
    for (const _ of ['first', 'again']) {
      await using copy = await FakeAgent.connect({ url, fingerprint, credential, incarnation });
      const { identity } = await copy.next('welcome');
      expect(identity.kind).toBe('quarantined');
    }
    expect(original.isOpen).toBe(true);
    const { guests } = await house.api.expect(guestListSchema, 'GET', '/api/v1/guests');
    expect(guests.map(({ vmid, identity }) => [vmid, identity])).toEqual([
      [101, 'enrolled'],
      [999, 'quarantined'],
    ]);
  });

  it('says that the node is away, when it is', async () => {
    await agentOf(101, await enrol(house, 101));
    await house.sim[Symbol.asyncDispose]();
    const operation = await backUp(house, 101);
    expect(operation).toMatchObject({
      state: 'failed',
      error: { code: 'node-unreachable', retryable: true },
    });
    expect(quiesce.journal).toEqual([]);
  });

  it('makes one backup, not two, when the node hangs over the request and answers 596', async () => {
    await agentOf(101, await enrol(house, 101));
    quiesce.before = (method) => {
      if (method === 'hold') house.sim.setFault('pve1', 'daemon-hung');
      if (method === 'thaw') house.sim.setFault('pve1', undefined);
    };
    const operation = await backUp(house, 101);
    expect(operation).toMatchObject({ state: 'succeeded', backup: { verdict: { consistency: 'crash' } } });
    expect(operation.steps.map((step) => step.name)).toContain('request-lost');
    expect(quiesce.isHeld).toBe(false);
    expect(await volumes()).toEqual([operation.backup?.volid]);
  });

  it('waits for a busy node with nothing held, and proves its backup all the same', async () => {
    await agentOf(101, await enrol(house, 101));
    const other = backUp(house, 102);
    await expect.poll(() => house.log.join('')).toContain('accepted the backup');
    const operation = await backUp(house, 101);
    expect(operation).toMatchObject({ state: 'succeeded', backup: { verdict: { consistency: 'app' } } });
    expect(operation.steps.map((step) => step.name)).toContain('waiting');
    expect((await other).state).toBe('succeeded');
    expect(await volumes()).toHaveLength(2);
  });

  it('never restores over a guest that exists', async () => {
    await enrol(house, 101);
    await backUp(house, 101);
    const answer = await house.api.call('POST', '/api/v1/guests/101/restores', { to: 102 });
    expect(answer.status).toBe(409);
    expect(problemSchema.parse(answer.body)).toMatchObject({ code: 'conflict', hint: expect.any(String) });
  });

  it('tells the story as events, in order', async () => {
    await agentOf(101, await enrol(house, 101));
    await backUp(house, 101);
    const { events } = await house.api.expect(eventListSchema, 'GET', '/api/v1/events?after=0&limit=1000');
    const types = events.map((event) => event.type);
    expect(types).toEqual(types.toSorted((a, b) => types.indexOf(a) - types.indexOf(b)));
    expect(types[0]).toBe('guest.enrolled');
    expect(types).toContain('operation.started');
    expect(types.at(-1)).toBe('operation.finished');
    expect(events.map((event) => event.sequence)).toEqual(events.map((_, index) => index + 1));
  });
});
