import type { Operation } from '@tacet/protocol';
import { ForbiddenError, type LxcConfig, ServerError, UnreachableError } from '@tacet/proxmox';
import { silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLog } from '../event-log.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { FakeAgents } from '../testing/fake-agents.ts';
import { configOf, fakeNodes, FakeNode } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { storedBackup as backup } from '../testing/stored-backup.ts';
import { Operations, type OperationsOptions } from './operations.ts';
import type { NodesPort } from './ports.ts';
import { drillMark } from './scratch-mark.ts';
import { isolatedNetworks, requireIsolated } from './scratch-network.ts';

const clock = scaledClock(50);
const signal = new AbortController().signal;
const waitMs = 20_000;

let undo: Undo;
let store: Store;
let node: FakeNode;
/** By VMID: what a drill makes and destroys. */
let scratchGuests: Map<number, LxcConfig>;
/** How many looks at all nodes find none of them. */
let silentLooks: number;
/** Of guests that no node shows. */
let takenVmids: Set<number>;
let options: OperationsOptions;
let operations: Operations;

beforeEach(async () => {
  undo = new Undo();
  store = await openStore(':memory:');
  undo.defer(() => store[Symbol.asyncDispose]());
  await store.operations.create({ id: 'op0', kind: 'backup', vmid: 101, startedAt: 1 });
  await store.operations.finish('op0', { at: 2, restoredTo: null, error: null });
  await store.backups.create(backup, 'local');
  scratchGuests = new Map();
  silentLooks = 0;
  takenVmids = new Set();
  node = new FakeNode(clock, []);
  node.guestConfig = async (vmid?: number) => scratchGuests.get(vmid ?? 0) ?? configOf({});
  node.isFree = async (vmid?: number) => !takenVmids.has(vmid ?? 0);
  node.startRestore = async ({ vmid, overrides }) => {
    scratchGuests.set(vmid, configOf(overrides ?? {}));
    return node.begin();
  };
  const destroy = node.destroyGuest.bind(node);
  node.destroyGuest = async (vmid) => {
    scratchGuests.delete(vmid);
    return await destroy(vmid);
  };
  const nodes: NodesPort = {
    ...fakeNodes(node),
    exists: async (vmid) => {
      if (silentLooks > 0) {
        silentLooks -= 1;
        throw asNodeFailure(new UnreachableError('connect ECONNREFUSED'), `cannot find out where ${vmid} is`);
      }
      return scratchGuests.has(vmid);
    },
  };
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
  options = {
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
  };
  operations = new Operations(options);
  undo.defer(() => operations[Symbol.asyncDispose]());
});
afterEach(() => undo[Symbol.asyncDispose]());

async function ended(id: string): Promise<Operation | undefined> {
  await vi.waitFor(async () => expect((await store.operations.get(id))?.state).not.toBe('running'), waitMs);
  return await store.operations.get(id);
}

const resumeHook = () => () => Promise.reject(new Error('no hook'));

const namesOf = (operation: Operation | undefined): string[] =>
  operation?.steps.map(({ name }) => name) ?? [];

describe('a drill', () => {
  it('is refused where another that was asked for at the same time has its VMID', async () => {
    node.running = true;
    const asked = await Promise.allSettled([
      operations.drill(backup, signal),
      operations.drill(backup, signal),
    ]);
    const begun = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value.id : []));
    const refused = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(begun).toHaveLength(1);
    expect(refused).toMatchObject([{ code: 'conflict', retryable: true }]);
    expect(await ended(begun[0] ?? '')).toMatchObject({ state: 'succeeded' });
  });

  it('destroys its scratch guest as soon as the nodes answer again', async () => {
    node.isRunning = async () => {
      silentLooks = 2;
      return true;
    };
    const { id } = await operations.drill(backup, signal);
    const operation = await ended(id);
    expect(operation).toMatchObject({ state: 'succeeded' });
    expect(namesOf(operation).filter((name) => name === 'node-lost')).toHaveLength(2);
    expect(namesOf(operation)).toContain('removed');
    expect([...scratchGuests.keys()]).toEqual([]);
  });

  it('passes over a VMID whose guest no node shows, and says where to look when none is left', async () => {
    node.running = true;
    takenVmids = new Set([900, 901]);
    const { id } = await operations.drill(backup, signal);
    expect(await ended(id)).toMatchObject({ state: 'succeeded' });
    expect(await store.drills.ofOperation(id)).toMatchObject({ scratchVmid: 902 });
    takenVmids = new Set(Array.from({ length: 10 }, (_, index) => 900 + index));
    await expect(operations.drill(backup, signal)).rejects.toMatchObject({
      code: 'conflict',
      hint: expect.stringContaining('pct config 900'),
    });
  });

  it('goes on with a token that may not ask for guests it does not see', async () => {
    node.running = true;
    node.isFree = async () => {
      throw new ForbiddenError('Permission check failed');
    };
    const { id } = await operations.drill(backup, signal);
    expect(await ended(id)).toMatchObject({ state: 'succeeded' });
    expect([...scratchGuests.keys()]).toEqual([]);
  });

  it('whose VMID was taken meanwhile has shown nothing of the backup', async () => {
    node.startRestore = async ({ vmid }) => {
      takenVmids.add(vmid);
      throw new ServerError(`POST /nodes/pve1/lxc: CT ${vmid} already exists on node 'pve1'`, 500);
    };
    const { id } = await operations.drill(backup, signal);
    expect(await ended(id)).toMatchObject({
      state: 'failed',
      error: { code: 'conflict', retryable: true, hint: expect.stringContaining('pct config 900') },
    });
    expect(await store.drills.ofOperation(id)).toMatchObject({ outcome: 'interrupted' });
    expect(await store.drills.newestOfGuest(101)).toBeUndefined();
  });
});

describe('a drill in a pool', () => {
  beforeEach(() => {
    const drill = options.drill;
    if (drill?.policy === undefined) throw new Error('no policy');
    operations = new Operations({
      ...options,
      drill: { ...drill, policy: { ...drill.policy, pool: 'scratch' } },
    });
    undo.defer(() => operations[Symbol.asyncDispose]());
    node.running = true;
  });

  it.each([
    ['may not be tagged', new ForbiddenError('Permission check failed (/vms/900, VM.Config.Options)')],
    ['cannot be tagged now', new UnreachableError('connect ECONNREFUSED')],
  ])('proves the backup though its guest %s', async (_, error) => {
    node.tagGuest = async () => Promise.reject(error);
    const { id } = await operations.drill(backup, signal);
    const operation = await ended(id);
    expect(operation).toMatchObject({ state: 'succeeded' });
    expect(operation?.steps).toContainEqual(
      expect.objectContaining({ name: 'not-tagged', message: error.message }),
    );
    expect(await store.drills.ofOperation(id)).toMatchObject({ outcome: 'started' });
  });

  it('tags no guest that does not bear its mark', async () => {
    node.startRestore = async ({ vmid }) => {
      scratchGuests.set(vmid, configOf({ description: 'somebody else made it' }));
      return node.begin();
    };
    const { id } = await operations.drill(backup, signal);
    expect(await ended(id)).toMatchObject({ state: 'failed' });
    expect(node.journal).toEqual([]);
  });
});

describe('a drill of a controller that is gone', () => {
  const drill = { operationId: 'op', backupId: 'b1', vmid: 101, node: 'pve1', scratchVmid: 900 };

  beforeEach(async () => {
    await store.operations.create({ id: 'op', kind: 'drill', vmid: 101, startedAt: 3 });
    await store.drills.begin({ ...drill, startedAt: 3 });
    scratchGuests.set(900, configOf({ ...drillMark('op', 101), description: 'tacet-drill op' }));
  });

  it('is cleaned up and ended though nobody knows what became of what it asked for', async () => {
    const upid = 'UPID:pve1:000000FF:00000001:6B02FBC4:vzrestore:900:op@pve!restore:';
    const asked = { what: 'restore', node: 'pve1', vmid: 900, storage: 'btr', volid: 'v' } as const;
    await store.nodeRequests.create('op', 0, { ...asked, askedAt: 3, known: [] });
    await store.nodeRequests.update('op', 0, { upid });
    await operations.resume(resumeHook);
    const operation = await ended('op');
    expect(operation).toMatchObject({ state: 'failed', error: { retryable: true } });
    expect(namesOf(operation)).toEqual(['resumed', 'not-followed', 'removed']);
    expect([...scratchGuests.keys()]).toEqual([]);
    expect(await store.drills.ofOperation('op')).toMatchObject({ outcome: 'interrupted' });
  });

  it('is not said to have left nothing where its restore has left a guest that no node shows', async () => {
    scratchGuests.clear();
    takenVmids.add(900);
    await operations.resume(resumeHook);
    expect(await ended('op')).toMatchObject({
      state: 'failed',
      error: { code: 'restore-failed', hint: expect.stringContaining('pct config 900') },
    });
    expect(await store.drills.ofOperation('op')).toMatchObject({ outcome: 'interrupted' });
  });

  it('is cleaned up though its operation has ended, and that stays as it ended', async () => {
    const error = { code: 'internal', message: 'database or disk is full', retryable: false } as const;
    await store.operations.finish('op', { at: 4, restoredTo: null, error });
    const order = { id: 'order', operationId: 'op', sourceVmid: 101, targetVmid: 900 };
    await store.restoreOrders.create(order, clock.now(), clock.now() + 86_400_000);
    await operations.resume(resumeHook);
    await vi.waitFor(async () => {
      expect(await store.drills.ofOperation('op')).toMatchObject({ outcome: 'interrupted' });
    }, waitMs);
    expect([...scratchGuests.keys()]).toEqual([]);
    expect(await store.restoreOrders.expecting(101, clock.now())).toEqual([]);
    expect(await store.operations.get('op')).toMatchObject({ state: 'failed', finishedAt: 4, error });
    expect(await store.drills.abandoned()).toEqual([]);
  });
});

describe('the networks of a scratch guest', () => {
  const net0 = 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.0.0.5/24,tag=7,type=veth';
  const net12 = 'name=eth1,bridge=vmbr1,gw=10.1.0.1,hwaddr=BC:24:11:00:00:02,ip=10.1.0.5/24,tag=8,type=veth';
  const archived = configOf({ net0, net12 });
  const bridge = { policy: 'bridge', bridge: 'vmbr9', address: 'dhcp' } as const;
  const linkDown = { policy: 'link-down' } as const;

  it.each([
    [
      bridge,
      {
        net0: 'name=eth0,bridge=vmbr9,ip=dhcp',
        net12: 'name=eth1,ip=10.1.0.5/24,bridge=vmbr9,link_down=1',
      },
    ],
    [
      linkDown,
      {
        net0: 'name=eth0,bridge=vmbr0,ip=10.0.0.5/24,tag=7,link_down=1',
        net12: 'name=eth1,bridge=vmbr1,gw=10.1.0.1,ip=10.1.0.5/24,tag=8,link_down=1',
      },
    ],
  ])('lead nowhere, whatever they led to: $policy', (network, expected) => {
    const isolated = isolatedNetworks(archived, network);
    expect(isolated).toEqual(expected);
    expect(() => requireIsolated(900, configOf(isolated), network)).not.toThrow();
  });

  it.each([
    [linkDown, 'name=eth0,bridge=vmbr9'],
    [bridge, 'name=eth0,bridge=vmbr0'],
    [bridge, 'name=eth0,bridge=vmbr9,tag=7'],
    [bridge, 'name=eth0,bridge=vmbr0,link_down=0'],
  ])('are not taken for isolated where they are not: %j, %s', (network, text) => {
    expect(() => requireIsolated(900, configOf({ net0: text }), network)).toThrow(`net0 (${text})`);
  });
});
