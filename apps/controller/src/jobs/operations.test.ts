import { silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLog } from '../event-log.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { FakeAgents } from '../testing/fake-agents.ts';
import { fakeNodes, FakeNode, goodBackup } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { Operations } from './operations.ts';

const clock = scaledClock(20);

let undo: Undo;
let store: Store;
let node: FakeNode;
let operations: Operations;

beforeEach(async () => {
  undo = new Undo();
  store = await openStore(':memory:');
  undo.defer(() => store[Symbol.asyncDispose]());
  node = new FakeNode(clock, []);
  node.will(goodBackup);
  const limits = {
    prepareDeadlineMs: 2_000,
    holdDeadlineMs: 2_000,
    leaseMs: 3_000,
    maxHoldMs: 20_000,
    backupDeadlineMs: 60_000,
    restoreDeadlineMs: 60_000,
    readyDeadlineMs: 60_000,
  };
  const agents = new FakeAgents(new FakeQuiesce(clock, []), clock);
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

const full = new Error('database or disk is full');

describe('a controller whose disk is full', () => {
  it.each([
    ['from the start', ['create', 'addStep', 'quiescing', 'finish'] as const],
    ['from the middle on', ['addStep', 'quiescing', 'finish'] as const],
    ['at the end', ['finish'] as const],
  ])('%s makes the backup, and tells how it ended', async (_, failing) => {
    for (const write of failing) vi.spyOn(store.operations, write).mockRejectedValue(full);
    vi.spyOn(store.backups, 'create').mockRejectedValue(full);
    const { id } = await operations.backup(101, undefined);
    await vi.waitFor(() => expect(operations.isBusy(101)).toBe(false), 10_000);
    const ended = await operations.get(id);
    expect(ended?.state).toBe('succeeded');
    expect(ended?.backup?.verdict.consistency).toBe('app');
    expect(ended?.steps.map(({ name }) => name)).toContain('not-recorded');
    expect((await operations.list(10)).map((one) => [one.id, one.state])).toEqual([[id, 'succeeded']]);
    expect(node.notes).toMatch(/app-consistent/);
  });

  it('orders no restore whose copy it could not know again', async () => {
    await operations.backup(101, undefined);
    await vi.waitFor(async () => expect(await store.backups.list(101, 1)).toHaveLength(1), 10_000);
    const [backup] = await store.backups.list(101, 1);
    vi.spyOn(store.operations, 'create').mockRejectedValue(full);
    if (backup === undefined) throw new Error('no backup');
    const restore = operations.restore({ backup, to: 201, storage: undefined }, new AbortController().signal);
    await expect(restore).rejects.toThrow('disk is full');
    expect(node.journal).not.toContain('restore 201 on btr');
  });
});
