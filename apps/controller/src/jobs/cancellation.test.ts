import type { RequestMethod } from '@tacet/protocol';
import { ForbiddenError, TaskFailedError, UnreachableError } from '@tacet/proxmox';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeAgents } from '../testing/fake-agents.ts';
import { busyNode, fakeNodes, FakeNode, lines, type Script } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { runBackup } from './backup-job.ts';
import { cancellation } from './cancellation.ts';

const clock = scaledClock(20);
const killed = 'unexpected status';

let journal: string[];
let steps: string[];
let quiesce: FakeQuiesce;
let node: FakeNode;
let wish: AbortController;

beforeEach(() => {
  journal = [];
  steps = [];
  quiesce = new FakeQuiesce(clock, journal);
  node = new FakeNode(clock, journal);
  wish = new AbortController();
});

const cancel = (): void => wish.abort(cancellation('account conductor'));

async function backUp(): Promise<unknown> {
  const recorder = {
    operationId: 'op',
    step: (name: string, message: string) => void steps.push(`${name}: ${message}`),
    quiescing: () => undefined,
    asking: async () => undefined,
    accepted: () => undefined,
    observed: () => undefined,
    written: async () => undefined,
  };
  const limits = {
    prepareDeadlineMs: 2_000,
    holdDeadlineMs: 2_000,
    leaseMs: 3_000,
    maxHoldMs: 20_000,
    backupDeadlineMs: 60_000,
  };
  const agents = new FakeAgents(quiesce, clock);
  const deps = { agents, nodes: fakeNodes(node), clock, random: () => 0.9, limits };
  const request = { vmid: 101, cancelled: wish.signal };
  const never = new AbortController().signal;
  const work = runBackup(request, deps, recorder, never);
  return await work.then(
    ({ backup }) => backup.verdict,
    (error: unknown) => error,
  );
}

const cancelled = { code: 'cancelled', message: expect.stringContaining('account conductor') };
const story = (): string[] => journal.filter((entry) => entry !== 'renew');

/** Whatever is cancelled when: nothing stays held. */
function expectThawed(): void {
  expect(quiesce.isHeld).toBe(false);
}

describe('a backup that is cancelled before the node was asked', () => {
  it.each<[RequestMethod, string[]]>([
    ['prepare', ['prepare', 'thaw']],
    ['hold', ['prepare', 'hold', 'thaw']],
  ])('during %s: thaws, and asks for nothing', async (phase, expected) => {
    quiesce.before = (method) => {
      if (method === phase) cancel();
    };
    expect(await backUp()).toMatchObject(cancelled);
    expectThawed();
    expect(story()).toEqual(expected);
  });

  it('while it waits for a busy node: waits no longer', async () => {
    node.will(busyNode, killed);
    const ended = backUp();
    await expect.poll(() => steps.some((step) => step.startsWith('waiting')), { timeout: 10_000 }).toBe(true);
    cancel();
    expect(await ended).toMatchObject(cancelled);
    expectThawed();
    expect(node.orders).toHaveLength(1);
  });
});

describe('a backup that is cancelled when the node has been asked', () => {
  it.each<[string, Script]>([
    ['before the snapshot', [lines.start, lines.snapshotMode, cancel, []]],
    ['while the archive is written', [lines.start, lines.snapshotMode, lines.archive, [], cancel, []]],
  ])('%s: thaws first, then has the task stopped', async (_, script) => {
    node.will(script, killed);
    expect(await backUp()).toMatchObject({ ...cancelled, hint: expect.stringContaining('no backup') });
    expectThawed();
    expect(story().at(-1)).toBe('stop task');
    expect(story().indexOf('thaw')).toBeLessThan(story().indexOf('stop task'));
    expect(story().filter((entry) => entry === 'stop task')).toHaveLength(1);
  });

  it('while its answer is on the way: the task is stopped all the same', async () => {
    node.onRequest = cancel;
    node.will([lines.start, lines.snapshotMode, []], killed);
    expect(await backUp()).toMatchObject(cancelled);
    expectThawed();
    expect(story().slice(-3)).toEqual(['post', 'thaw', 'stop task']);
  });

  it('while its answer is long in coming: is thawed before it comes', async () => {
    node.onRequest = async () => {
      cancel();
      await expect.poll(() => quiesce.isHeld, { timeout: 10_000 }).toBe(false);
    };
    node.will([lines.start, lines.snapshotMode, []], killed);
    expect(await backUp()).toMatchObject(cancelled);
    expect(story().slice(-3)).toEqual(['post', 'thaw', 'stop task']);
    expect(steps.find((step) => step.startsWith('thawed'))).toContain('the backup was cancelled');
  });

  it('when the answer was lost: the task that it started is found and stopped', async () => {
    node.will([lines.start, lines.snapshotMode, []], killed);
    node.onRequest = () => {
      node.begin();
      cancel();
      throw new UnreachableError('the line broke', { mayHaveStarted: true });
    };
    expect(await backUp()).toMatchObject(cancelled);
    expectThawed();
    expect(story().at(-1)).toBe('stop task');
    expect(node.orders).toHaveLength(1);
  });

  it('says what a killed vzdump has left on the guest', async () => {
    node.will([lines.start, lines.snapshotMode, lines.archive, cancel, []], killed);
    node.left = { lock: 'backup', snapshots: ['vzdump'] };
    expect(await backUp()).toMatchObject({ ...cancelled, hint: expect.stringContaining('pct unlock 101') });
  });

  it('where the node does not stop it: follows it, and gives it the verdict that it deserves', async () => {
    node.will([lines.start, lines.snapshotMode, cancel, [], [], lines.archive, lines.ok]);
    node.onStop = () => {
      throw new ForbiddenError('Permission check failed (/nodes/pve1, Sys.Modify)');
    };
    expect(await backUp()).toMatchObject({ consistency: 'crash', reason: 'ThawedTooEarly' });
    expectThawed();
    expect(steps.find((step) => step.startsWith('not-stopped'))).toContain('Sys.Modify');
  });

  it('where it had been made before it could be stopped: keeps it, proven as it is', async () => {
    node.will([lines.start, lines.snapshotMode, [], lines.archive, [], cancel, lines.ok]);
    expect(await backUp()).toMatchObject({ consistency: 'app', reason: 'HoldSpansSnapshot' });
  });

  it('is not called cancelled where it failed by itself', async () => {
    node.will([lines.start, lines.snapshotMode, cancel, [], lines.snapshotFailed], 'job errors');
    node.onStop = () => {
      throw new TaskFailedError('too late');
    };
    expect(await backUp()).toMatchObject({ code: 'backup-failed' });
    expectThawed();
  });
});
