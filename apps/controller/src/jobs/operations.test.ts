import type { Backup, Operation } from '@tacet/protocol';
import { silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLog } from '../event-log.ts';
import { toWireError } from '../failure.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { FakeAgents } from '../testing/fake-agents.ts';
import { fakeNodes, FakeNode, goodBackup } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { newOperation, OperationRecord } from './operation-record.ts';
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
    prepareDeadlineMs: 60_000,
    holdDeadlineMs: 60_000,
    leaseMs: 60_000,
    maxHoldMs: 120_000,
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

async function backedUp(): Promise<Backup> {
  await operations.backup(101, undefined);
  await vi.waitFor(() => expect(operations.isBusy(101)).toBe(false), 10_000);
  const [backup] = await store.backups.list(101, 1);
  if (backup === undefined) throw new Error('no backup');
  node.journal.length = 0;
  node.running = true;
  return backup;
}

/** Of this kind only: the disk was full for a moment. */
function refuse(what: string): void {
  const create = store.nodeRequests.create.bind(store.nodeRequests);
  vi.spyOn(store.nodeRequests, 'create').mockImplementation(async (id, position, request) => {
    if (request.what === what) throw full;
    await create(id, position, request);
  });
}

async function failed({ id }: Operation): Promise<Operation['error']> {
  await vi.waitFor(() => expect(operations.isBusy(101)).toBe(false), 10_000);
  const operation = await operations.get(id);
  expect(operation?.state).toBe('failed');
  return operation?.error ?? null;
}

describe('a store that takes no note of a request', () => {
  const { signal } = new AbortController();

  it.each([
    ['stop', []],
    ['restore', ['stop 101']],
  ])('has no guest replaced: %s', async (what, done) => {
    const backup = await backedUp();
    refuse(what);
    const request = { backup, to: 101, storage: undefined, replace: true, safety: 'none' } as const;
    const error = await failed(await operations.restore(request, signal));
    expect(node.journal).toEqual(done);
    expect(error?.message).toContain('could not write down');
    expect(error?.hint).toMatch(/stateDir.*Guest 101 runs as before/);
  });

  it('has no guest rolled back', async () => {
    await backedUp();
    refuse('rollback');
    node.listed = [{ name: 's1', description: '', takenAtMs: 1, parent: undefined }];
    const error = await failed(await operations.rollBack(101, 's1', signal));
    expect(node.journal).toEqual([]);
    expect(error).toMatchObject({ code: 'not-started', hint: expect.stringContaining('stateDir') });
  });

  it.each([
    ['destroy', false],
    ['backup', true],
  ] as const)('says so before a node is asked: %s', async (what, mayGoOn) => {
    refuse(what);
    const operation = newOperation('op', 'drill', 101, 1);
    await store.operations.create(operation);
    const events = new EventLog({ events: store.events, clock, log: silentLogger });
    const record = new OperationRecord({ operation, requests: 0, store, events, clock, log: silentLogger });
    const asked = { node: 'pve1', vmid: 900, storage: '', volid: null, askedAt: 1, known: [] };
    const asking = record.asking({ what, ...asked }).then(
      () => 'may be asked',
      (error: unknown) => toWireError(error).code,
    );
    expect(await asking).toBe(mayGoOn ? 'may be asked' : 'not-started');
    expect([record.hasAsked, record.isWritten]).toEqual([mayGoOn, false]);
  });
});

const resumeHook = () => () => Promise.reject(new Error('no hook'));

async function ended(id: string): Promise<Operation | undefined> {
  await vi.waitFor(async () => expect((await store.operations.get(id))?.state).not.toBe('running'), 10_000);
  return await store.operations.get(id);
}

describe('what a controller that is gone left running', () => {
  const asked = {
    what: 'backup',
    node: 'pve1',
    vmid: 101,
    storage: 'local',
    volid: null,
    askedAt: 1,
    known: [],
  } as const;

  it('is a restore that was only ordered: it is ended, and no copy is expected any more', async () => {
    await store.operations.create({ id: 'op', kind: 'restore', vmid: 101, startedAt: 1 });
    const order = { id: 'order', operationId: 'op', sourceVmid: 101, targetVmid: 201 };
    await store.restoreOrders.create(order, clock.now(), clock.now() + 3_600_000);
    await operations.resume(resumeHook);
    expect(await ended('op')).toMatchObject({ state: 'failed', error: { retryable: true } });
    expect(await store.restoreOrders.expecting(101, clock.now())).toEqual([]);
    expect(node.journal).toEqual([]);
  });

  it('is a backup whose snapshot was not seen before its thaw: no clock that was set back makes that proven', async () => {
    const task = node.begin();
    await store.operations.create({ id: 'op', kind: 'backup', vmid: 101, startedAt: 1 });
    await store.nodeRequests.create('op', 0, asked);
    const later = clock.now() + 86_400_000;
    await store.nodeRequests.update('op', 0, {
      upid: task.upid,
      seen: {
        plan: undefined,
        notHeldBecause: undefined,
        holdConfirmedAt: later,
        backupRequestedAt: later + 1,
        mode: 'snapshot',
        snapshotSeenAt: undefined,
        snapshotLine: undefined,
        thawSentAt: later + 2,
        leaseLeftMs: 1_000,
        thaw: { releasedBy: 'controller', thawed: true, services: [], failures: [] },
      },
    });
    await operations.resume(resumeHook);
    expect((await ended('op'))?.backup?.verdict).toMatchObject({
      consistency: 'crash',
      reason: 'ThawedTooEarly',
    });
  });

  it('keeps its guest to itself, and owes it no thaw', async () => {
    await store.operations.create({ id: 'op', kind: 'backup', vmid: 101, startedAt: 1 });
    await store.nodeRequests.create('op', 0, asked);
    node.content = [];
    await operations.resume(resumeHook);
    expect([operations.isBusy(101), operations.mayHold(101)]).toEqual([true, false]);
    await expect(operations.backup(101, undefined)).rejects.toMatchObject({ code: 'conflict' });
    expect(await ended('op')).toMatchObject({ state: 'failed', error: { retryable: true } });
  });
});
