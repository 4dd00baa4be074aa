import { ForbiddenError } from '@tacet/proxmox';
import { beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../store/open-store.ts';
import { fakeStatus } from '../testing/fake-agent.ts';
import { FakeAgents } from '../testing/fake-agents.ts';
import { fakeNodes, FakeNode } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { storedBackup as backup } from '../testing/stored-backup.ts';
import { checkRestore, runRestore } from './restore-job.ts';

const clock = scaledClock(20);
const request = { backup, to: 201, storage: undefined };

describe('a restore', () => {
  const journal: string[] = [];
  const steps: string[] = [];
  let agents: FakeAgents;
  let node: FakeNode;
  let store: Store;
  let hasRestored: boolean;

  beforeEach(async () => {
    journal.length = 0;
    steps.length = 0;
    hasRestored = false;
    agents = new FakeAgents(new FakeQuiesce(clock, journal), clock);
    node = new FakeNode(clock, journal);
    store = await openStore(':memory:');
    await store.operations.create({ id: 'op', kind: 'restore', vmid: 101, startedAt: 1 });
    return () => store[Symbol.asyncDispose]();
  });

  const expecting = () => store.restoreOrders.expecting(101, clock.now());

  function run(signal = new AbortController().signal): Promise<void> {
    const recorder = {
      operationId: 'op',
      step: (name: string) => void steps.push(name),
      quiescing: () => undefined,
      asking: async () => undefined,
      accepted: () => undefined,
      observed: () => undefined,
      written: async () => undefined,
    };
    const limits = { restoreDeadlineMs: 10_000, readyDeadlineMs: 3_000 };
    const deps = { agents, nodes: fakeNodes(node), orders: store.restoreOrders, clock, limits };
    return runRestore(request, deps, recorder, () => void (hasRestored = true), signal);
  }

  it('expects the copy before it asks for it, and ends when that is ready', async () => {
    let expected = 0;
    node.onRequest = () => void expecting().then((orders) => (expected = orders.length));
    const running = run();
    await expect.poll(() => steps).toContain('started');
    agents.show(fakeStatus('False'));
    await expect.poll(() => steps).toContain('healing');
    agents.show(fakeStatus('True'));
    await running;
    expect(expected).toBe(1);
    expect(journal).toEqual(['restore 201 on btr', 'start 201']);
    expect(steps).toEqual([
      'ordered',
      'restoring',
      'restored',
      'config',
      'started',
      'adopted',
      'healing',
      'ready',
    ]);
  });

  it('that fails leaves no order behind for a copy that will never be', async () => {
    node.will(['ERROR: archive is broken'], 'unable to restore CT 201 - archive is broken');
    await expect(run()).rejects.toMatchObject({
      code: 'restore-failed',
      message: 'guest 201 was not restored',
    });
    expect(await expecting()).toEqual([]);
    expect(hasRestored).toBe(false);
  });

  it('that is refused says which right is missing', async () => {
    node.onRequest = () => {
      throw new ForbiddenError('Permission check failed (/vms/201, VM.Allocate)');
    };
    await expect(run()).rejects.toMatchObject({ hint: /Grant VM.Allocate on \/vms\/201/ });
  });

  it('whose copy cannot be started says that it stands, and goes on expecting it', async () => {
    node.will([]).will([], 'startup failed');
    await expect(run()).rejects.toMatchObject({ message: /restored, but could not be started/ });
    expect(hasRestored).toBe(true);
    expect(await expecting()).toHaveLength(1);
  });

  it('whose copy does not call says what stands', async () => {
    await expect(run()).rejects.toMatchObject({
      code: 'deadline-exceeded',
      message: 'guest 201 is restored and started, but its agent has not called',
    });
    expect(await expecting()).toHaveLength(1);
  });

  it('whose copy does not become ready says why', async () => {
    const running = run();
    agents.show(fakeStatus('False'));
    await expect(running).rejects.toMatchObject({ message: /it is not ready: StacksRunning: shop\/web/ });
  });

  it('does not take the last picture of a guest that has gone for readiness', async () => {
    const running = run();
    agents.show(fakeStatus('True'), null);
    await expect(running).rejects.toMatchObject({ message: /its agent has not called/ });
  });

  it('is refused where the target is taken, or nobody may restore', async () => {
    const { signal } = new AbortController();
    await expect(checkRestore(request, fakeNodes(node, [101, 201]), signal)).rejects.toMatchObject({
      code: 'conflict',
      hint: expect.stringContaining('free'),
    });
    node.canRestore = false;
    await expect(checkRestore(request, fakeNodes(node), signal)).rejects.toMatchObject({
      code: 'invalid-input',
    });
  });
});
