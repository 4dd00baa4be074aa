import type { Operation } from '@tacet/protocol';
import type { LxcConfig } from '@tacet/proxmox';
import { silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLog } from '../event-log.ts';
import type { Store } from '../store/open-store.ts';
import { DamageableStore } from '../store/testing/damageable-store.ts';
import { FakeAgents } from '../testing/fake-agents.ts';
import { configOf, fakeNodes, FakeNode } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { storedBackup } from '../testing/stored-backup.ts';
import { Operations } from './operations.ts';
import type { NodesPort } from './ports.ts';

const clock = scaledClock(50);
const waitMs = 20_000;

let undo: Undo;
let bench: DamageableStore;
let store: Store;
let node: FakeNode;
/** By VMID: what drills have made. */
let scratchGuests: Map<number, LxcConfig>;
let operations: Operations;
let told: Operation[];

beforeEach(async () => {
  undo = new Undo();
  bench = await DamageableStore.open();
  undo.defer(() => bench[Symbol.asyncDispose]());
  ({ store } = bench);
  await store.operations.create({ id: 'op0', kind: 'backup', vmid: 101, startedAt: 1 });
  await store.operations.finish('op0', { at: 2, restoredTo: null, error: null });
  await store.backups.create(storedBackup, 'local');
  scratchGuests = new Map();
  node = new FakeNode(clock, []);
  node.guestConfig = async (vmid?: number) => scratchGuests.get(vmid ?? 0) ?? configOf({});
  const destroy = node.destroyGuest.bind(node);
  node.destroyGuest = async (vmid) => {
    scratchGuests.delete(vmid);
    return await destroy(vmid);
  };
  const nodes: NodesPort = { ...fakeNodes(node), exists: async (vmid) => scratchGuests.has(vmid) };
  const limits = {
    prepareDeadlineMs: 60_000,
    holdDeadlineMs: 60_000,
    leaseMs: 60_000,
    maxHoldMs: 120_000,
    backupDeadlineMs: 60_000,
    restoreDeadlineMs: 300_000,
    readyDeadlineMs: 60_000,
  };
  const ports = { agents: new FakeAgents(new FakeQuiesce(clock, []), clock), nodes, clock, limits };
  told = [];
  operations = new Operations({
    store,
    events: new EventLog({ events: store.events, clock, log: silentLogger }),
    clock,
    log: silentLogger,
    backup: { ...ports, random: () => 0 },
    restore: { ...ports, orders: store.restoreOrders },
    drill: {
      drills: store.drills,
      policy: { vmids: { from: 900, to: 909 }, network: { policy: 'link-down' }, settleMs: 1_000 },
      forgetGuest: async () => undefined,
    },
    onEnded: (operation) => told.push(operation),
  });
  undo.defer(() => operations[Symbol.asyncDispose]());
});
afterEach(() => undo[Symbol.asyncDispose]());

const resume = () => operations.resume(() => () => Promise.reject(new Error('no hook')));

/** What a controller that is gone left running. */
async function leave(id: string, kind: Operation['kind'], vmid: number, scratchVmid?: number): Promise<void> {
  await store.operations.create({ id, kind, vmid, startedAt: 3 });
  if (scratchVmid === undefined) return;
  await store.drills.begin({
    operationId: id,
    backupId: 'b1',
    vmid,
    node: 'pve1',
    scratchVmid,
    startedAt: 3,
  });
  scratchGuests.set(scratchVmid, configOf({ tags: 'tacet-drill', description: `tacet-drill ${id}` }));
}

async function ended(id: string): Promise<Operation | undefined> {
  await vi.waitFor(async () => expect((await store.operations.get(id))?.state).not.toBe('running'), waitMs);
  return await store.operations.get(id);
}

const stateOf = (id: string): unknown =>
  bench.row(`SELECT state FROM operations WHERE id = '${id}'`)?.['state'];

describe('an operation left running that cannot be read', () => {
  it('ends, with what is in its rows, and the others go on', async () => {
    await leave('damaged', 'backup', 101);
    await store.backups.create({ ...storedBackup, id: 'b2', operationId: 'damaged' }, 'local');
    bench.run(`UPDATE backups SET verdict = '{' WHERE id = 'b2'`);
    await leave('other', 'backup', 102);
    await resume();
    expect(bench.row(`SELECT state, error FROM operations WHERE id = 'damaged'`)).toMatchObject({
      state: 'failed',
      error: expect.stringMatching(/"internal".*could not be read when the controller restarted/),
    });
    expect(bench.row(`SELECT verdict FROM backups WHERE id = 'b2'`)).toEqual({ verdict: '{' });
    expect(await ended('other')).toMatchObject({ state: 'failed', error: { code: 'not-started' } });
    expect(told.map(({ id, state }) => [id, state])).toContainEqual(['damaged', 'failed']);
    const finished = (await store.events.after(0, 100)).filter(({ type }) => type === 'operation.finished');
    expect(finished.map(({ data }) => data['operationId'])).toContain('damaged');
    // Once: the next start has nothing more to do with it.
    told.length = 0;
    await resume();
    expect(told).toEqual([]);
  });

  it('keeps an error that cannot be read', async () => {
    await leave('damaged', 'backup', 101);
    bench.run(`UPDATE operations SET error = '{"code":', restored_to = 201, finished_at = 4
      WHERE id = 'damaged'`);
    await resume();
    expect(
      bench.row(`SELECT state, error, restored_to, finished_at FROM operations WHERE id = 'damaged'`),
    ).toEqual({
      state: 'failed',
      error: '{"code":',
      restored_to: 201,
      finished_at: 4,
    });
  });

  it('of a drill leaves no scratch guest', async () => {
    await leave('damaged', 'drill', 101, 900);
    await store.operations.addStep('damaged', 0, { at: 4, name: 'restored', message: '' });
    bench.run(`UPDATE operations SET error = '{' WHERE id = 'damaged'`);
    await resume();
    await vi.waitFor(async () => {
      expect(await store.drills.ofOperation('damaged')).toMatchObject({ outcome: 'interrupted' });
    }, waitMs);
    expect([...scratchGuests.keys()]).toEqual([]);
    expect(stateOf('damaged')).toBe('failed');
    const steps = async () => (await store.operations.outline('damaged'))?.steps.map(({ name }) => name);
    await vi.waitFor(async () => expect(await steps()).toEqual(['restored', 'removed']), waitMs);
  });
});

describe('an operation left running of which something else cannot be read', () => {
  it('ends where that is its drill, and the others go on', async () => {
    await leave('damaged', 'drill', 101, 900);
    await leave('other', 'drill', 102, 901);
    bench.run(`UPDATE drills SET outcome = 'glorious' WHERE operation_id = 'damaged'`);
    await resume();
    expect(await ended('damaged')).toMatchObject({
      state: 'failed',
      error: { code: 'internal', message: expect.stringContaining('the drill damaged of backup b1') },
    });
    expect(await ended('other')).toMatchObject({ state: 'failed' });
    await vi.waitFor(() => expect([...scratchGuests.keys()]).toEqual([]), waitMs);
  });

  it.each(['known', 'seen'])('goes on where that is what was %s of a request', async (column) => {
    const task = node.begin();
    await leave('damaged', 'backup', 101);
    const request = { what: 'backup', node: 'pve1', vmid: 101, storage: 'local', volid: null } as const;
    await store.nodeRequests.create('damaged', 0, { ...request, askedAt: 1, known: [] });
    await store.nodeRequests.update('damaged', 0, { upid: task.upid });
    bench.run(`UPDATE node_requests SET ${column} = '{'`);
    await resume();
    await ended('damaged');
    expect((await store.operations.get('damaged'))?.steps[0]?.name).toBe('resumed');
    expect(bench.told).toEqual([`what is \`${column}\` of request 0 (backup) of the operation damaged`]);
  });
});

it('a drill is cleaned up though its operation has ended, and cannot be read', async () => {
  await leave('damaged', 'drill', 101, 900);
  bench.run(`UPDATE operations SET state = 'failed', finished_at = 4, error = '{' WHERE id = 'damaged'`);
  await resume();
  await vi.waitFor(() => expect([...scratchGuests.keys()]).toEqual([]), waitMs);
});
