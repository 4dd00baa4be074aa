import type { Operation } from '@tacet/protocol';
import { deferred, silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLog } from '../event-log.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { FakeAgents } from '../testing/fake-agents.ts';
import { busyNode, fakeNodes, FakeNode, goodBackup, lines } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { Operations } from './operations.ts';
import { thawNow } from './thaw-now.ts';

const clock = scaledClock(20);
const { signal } = new AbortController();

let undo: Undo;
let store: Store;
let node: FakeNode;
let quiesce: FakeQuiesce;
let agents: FakeAgents;
let operations: Operations;

beforeEach(async () => {
  undo = new Undo();
  store = await openStore(':memory:');
  undo.defer(() => store[Symbol.asyncDispose]());
  node = new FakeNode(clock, []);
  quiesce = new FakeQuiesce(clock, node.journal);
  agents = new FakeAgents(quiesce, clock);
  const limits = {
    prepareDeadlineMs: 60_000,
    holdDeadlineMs: 60_000,
    leaseMs: 60_000,
    maxHoldMs: 120_000,
    backupDeadlineMs: 60_000,
    restoreDeadlineMs: 60_000,
    readyDeadlineMs: 60_000,
  };
  const ports = { agents, nodes: fakeNodes(node), clock, limits };
  operations = new Operations({
    store,
    events: new EventLog({ events: store.events, clock, log: silentLogger }),
    clock,
    log: silentLogger,
    backup: { ...ports, random: () => 0 },
    restore: { ...ports, orders: store.restoreOrders },
  });
  undo.defer(() => operations[Symbol.asyncDispose]());
});
afterEach(() => undo[Symbol.asyncDispose]());

async function ended({ id }: Operation): Promise<Operation | undefined> {
  await vi.waitFor(async () => expect((await operations.get(id))?.state).not.toBe('running'), 10_000);
  return await operations.get(id);
}

const stepsOf = (operation: Operation | undefined): string[] =>
  operation?.steps.map(({ name }) => name) ?? [];

describe('a rehearsal', () => {
  it('holds and thaws, asks the node for nothing, and says how long writes waited', async () => {
    const operation = await ended(await operations.rehearse(101));
    expect(operation).toMatchObject({ kind: 'rehearsal', state: 'succeeded', backup: null });
    expect(stepsOf(operation)).toEqual(['prepared', 'held', 'thawed']);
    expect(node.journal).toEqual(['prepare', 'hold', 'thaw']);
    expect(quiesce.isHeld).toBe(false);
    const finished = (await store.events.after(0, 100)).find(({ type }) => type === 'operation.finished');
    expect(finished?.message).toMatch(/2 services were held, .* writes waited for at most \d+ ms/);
  });

  it('is refused while the agent is away, and while a backup holds the guest', async () => {
    agents.here = 'not-connected';
    await expect(operations.rehearse(101)).rejects.toMatchObject({ code: 'guest-not-connected' });
    agents.here = 'quarantined';
    await expect(operations.rehearse(101)).rejects.toMatchObject({ code: 'guest-quarantined' });
    agents.here = 'connected';
    node.will(goodBackup);
    const backup = await operations.backup(101);
    await expect(operations.rehearse(101)).rejects.toMatchObject({ code: 'conflict' });
    expect((await ended(backup))?.backup?.verdict.consistency).toBe('app');
  });

  it('fails where a backup now would be only crash-consistent', async () => {
    quiesce.before = (method) => {
      if (method === 'hold') throw new Error('the database hangs');
    };
    const operation = await ended(await operations.rehearse(101));
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'hold-failed' } });
    expect(operation?.error?.message).toContain('the database hangs');
    expect(quiesce.isHeld).toBe(false);
  });

  it('is no rehearsal of what ended otherwise', async () => {
    quiesce.before = (method) => {
      if (method === 'thaw') quiesce.restart();
    };
    const operation = await ended(await operations.rehearse(101));
    expect(operation?.error?.message).toContain('agent-restarted');
  });

  it('makes room for a backup that Proxmox VE begins', async () => {
    const begun = deferred();
    quiesce.before = async (method) => {
      if (method !== 'prepare') return;
      begun.resolve();
      await clock.sleep(30_000);
    };
    const rehearsal = await operations.rehearse(101);
    await begun.promise;
    expect(operations.endRehearsal(101)).toBe(true);
    expect(await ended(rehearsal)).toMatchObject({ state: 'failed', error: { code: 'cancelled' } });
    expect(quiesce.isHeld).toBe(false);
    expect(operations.endRehearsal(101)).toBe(false);
  });

  it('whose controller was restarted is over', async () => {
    await store.operations.create({ id: 'op', kind: 'rehearsal', vmid: 101, startedAt: 1 });
    await operations.resume(() => () => Promise.reject(new Error('no hook')));
    await vi.waitFor(async () => expect((await store.operations.get('op'))?.state).toBe('failed'), 10_000);
    expect(node.journal).toEqual([]);
  });
});

async function backupInArchive(exitstatus: string): Promise<{ operation: Operation; goOn: () => void }> {
  const [there, go] = [deferred(), deferred()];
  const wait = async (): Promise<void> => {
    there.resolve();
    await go.promise;
  };
  node.will([lines.start, lines.snapshotMode, lines.archive, wait, []], exitstatus);
  node.onStop = () => go.resolve();
  const operation = await operations.backup(101);
  await there.promise;
  return { operation, goOn: go.resolve };
}

describe('cancelling', () => {
  it('a backup ends it as cancelled, with who did it, and nothing left to cancel', async () => {
    const { operation } = await backupInArchive('unexpected status');
    expect(operation.cancellable).toBe(true);
    const asked = await operations.cancel(operation.id, 'account conductor');
    expect(asked.cancellable).toBeUndefined();
    // Asked twice is no mistake.
    await operations.cancel(operation.id, 'account conductor');
    const end = await ended(operation);
    expect(end).toMatchObject({ state: 'failed', backup: null, error: { code: 'cancelled' } });
    expect(end?.error?.message).toContain('account conductor');
    expect(stepsOf(end).filter((name) => name === 'cancel-asked')).toHaveLength(1);
    await expect(operations.cancel(operation.id, 'x')).rejects.toMatchObject({ code: 'conflict' });
    expect(await store.backups.list(101, 1)).toEqual([]);
  });

  it('is possible for what a controller before this one had asked for', async () => {
    node.will([lines.start, lines.snapshotMode, [], [], [], [], [], [], [], [], [], []], 'unexpected status');
    const task = node.begin();
    await store.operations.create({ id: 'op', kind: 'backup', vmid: 101, startedAt: 1 });
    const asked = { node: 'pve1', vmid: 101, storage: 'local', volid: null, askedAt: 1, known: [] };
    await store.nodeRequests.create('op', 0, { what: 'backup', ...asked });
    await store.nodeRequests.update('op', 0, { upid: task.upid });
    await operations.resume(() => () => Promise.reject(new Error('no hook')));
    await operations.cancel('op', 'account conductor');
    await vi.waitFor(
      async () => expect((await store.operations.get('op'))?.error?.code).toBe('cancelled'),
      10_000,
    );
    expect(node.journal).toContain('stop task');
  });

  it('is written down when it is answered, and before the node is asked to stop', async () => {
    const { operation } = await backupInArchive('unexpected status');
    const addStep = store.operations.addStep.bind(store.operations);
    vi.spyOn(store.operations, 'addStep').mockImplementation(async (id, position, step) => {
      await addStep(id, position, step);
      if (step.name === 'cancel-asked') node.journal.push('written');
    });
    await operations.cancel(operation.id, 'account conductor');
    expect(stepsOf(await store.operations.get(operation.id))).toContain('cancel-asked');
    await ended(operation);
    expect(node.journal.slice(-2)).toEqual(['written', 'stop task']);
  });

  it('is carried out where the store takes nothing', async () => {
    const { operation } = await backupInArchive('unexpected status');
    vi.spyOn(store.operations, 'addStep').mockRejectedValue(new Error('database or disk is full'));
    await operations.cancel(operation.id, 'account conductor');
    expect(await ended(operation)).toMatchObject({ error: { code: 'cancelled' } });
    expect(node.journal).toContain('stop task');
  });

  it('is refused for what cannot be, and for what nobody knows', async () => {
    await expect(operations.cancel('nobody', 'x')).rejects.toMatchObject({ code: 'not-found' });
    const wait = deferred();
    const hooked = await operations.recordBackup(101, async () => {
      await wait.promise;
      throw new Error('it ended');
    });
    await expect(operations.cancel(hooked.id, 'x')).rejects.toMatchObject({
      code: 'conflict',
      hint: expect.stringContaining('thaw the guest now'),
    });
    wait.resolve();
    await ended(hooked);
  });
});

describe('what was cancelled before the controller was killed', () => {
  const asked = {
    what: 'backup',
    node: 'pve1',
    vmid: 101,
    storage: 'local',
    volid: null,
    askedAt: 1,
    known: [],
  } as const;

  async function resumed(
    kind: 'backup' | 'rehearsal',
    was?: { upid?: string },
  ): Promise<Operation['error'] | undefined> {
    await store.operations.create({ id: 'op', kind, vmid: 101, startedAt: 1 });
    if (was !== undefined) await store.nodeRequests.create('op', 0, asked);
    if (was?.upid !== undefined) await store.nodeRequests.update('op', 0, was);
    const message = 'cancelled by account conductor';
    await store.operations.addStep('op', 0, { at: 1, name: 'cancel-asked', message });
    await operations.resume(() => () => Promise.reject(new Error('no hook')));
    expect((await operations.get('op'))?.cancellable).toBeUndefined();
    await vi.waitFor(async () => expect((await store.operations.get('op'))?.state).toBe('failed'), 10_000);
    return (await store.operations.get('op'))?.error;
  }

  const cancelled = { code: 'cancelled', message: expect.stringContaining('account conductor') };

  it.each(['backup', 'rehearsal'] as const)('a %s that nothing was asked for', async (kind) => {
    expect(await resumed(kind)).toMatchObject(cancelled);
    expect(node.journal).toEqual([]);
  });

  it('a backup of which the node has nothing', async () => {
    expect(await resumed('backup', {})).toMatchObject(cancelled);
    expect(node.journal).toEqual([]);
  });

  it('a backup that waited for another', async () => {
    node.will(busyNode, 'unexpected status');
    const { upid } = node.begin();
    expect(await resumed('backup', { upid })).toMatchObject(cancelled);
    expect(node.orders).toEqual([]);
  });
});

const now = () => thawNow(101, { agents, leaseMs: 30_000 }, signal);

describe('thaw now', () => {
  it('during a backup ends its hold, and makes it crash-consistent', async () => {
    const thaw = async (): Promise<void> => {
      expect(quiesce.isHeld).toBe(true);
      expect(await now()).toMatchObject({ releasedBy: 'operator', thawed: true });
      expect(quiesce.isHeld).toBe(false);
      operations.note(101, 'thawed-now', 'account conductor had the guest thawed');
    };
    node.will([lines.start, lines.snapshotMode, thaw, [], lines.archive, lines.ok]);
    const end = await ended(await operations.backup(101));
    expect(end?.backup?.verdict).toMatchObject({ consistency: 'crash', reason: 'HoldLost' });
    expect(end?.backup?.verdict.message).toContain('operator');
    expect(stepsOf(end)).toContain('thawed-now');
  });

  it('is safe where nothing is held, and after the snapshot', async () => {
    expect(await now()).toMatchObject({ releasedBy: null, thawed: true });
    const thaw = async (): Promise<void> => void (await now());
    node.will([lines.start, lines.snapshotMode, lines.archive, [], thaw, [], lines.ok]);
    const end = await ended(await operations.backup(101));
    expect(end?.backup?.verdict.consistency).toBe('app');
  });

  it('says what happens by itself while the agent is away', async () => {
    agents.here = 'not-connected';
    await expect(now()).rejects.toMatchObject({
      code: 'guest-not-connected',
      hint: expect.stringMatching(/by itself within 30 s.*tacet-agent thaw/),
    });
  });
});
