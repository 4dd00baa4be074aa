import type { BackupOptions, Verdict } from '@tacet/protocol';
import {
  ForbiddenError,
  ServerError,
  UnauthorizedError,
  UnexpectedAnswerError,
  UnreachableError,
} from '@tacet/proxmox';
import { TacetError } from '@tacet/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeAgents } from '../testing/fake-agents.ts';
import { busyNode, fakeNodes, FakeNode, goodBackup, lines } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { type FinishedBackup, runBackup } from './backup-job.ts';

const clock = scaledClock(20);

class Bench {
  /** What agent and node saw, in order. */
  readonly journal: string[] = [];
  readonly steps: string[] = [];
  readonly quiesceIds: string[] = [];
  readonly quiesce = new FakeQuiesce(clock, this.journal);
  readonly agents = new FakeAgents(this.quiesce, clock);
  readonly node = new FakeNode(clock, this.journal);
  readonly abort = new AbortController();
  limits = {
    prepareDeadlineMs: 2_000,
    holdDeadlineMs: 2_000,
    leaseMs: 3_000,
    maxHoldMs: 20_000,
    backupDeadlineMs: 60_000,
  };

  run(storage?: string, options: Partial<BackupOptions> = {}): Promise<FinishedBackup> {
    const { agents, limits } = this;
    const recorder = {
      operationId: 'op',
      step: (name: string, message: string) => void this.steps.push(`${name}: ${message}`),
      quiescing: (id: string) => void this.quiesceIds.push(id),
      asking: async () => undefined,
      accepted: () => undefined,
      observed: () => undefined,
      written: async () => undefined,
    };
    const deps = { agents, nodes: fakeNodes(this.node), clock, random: () => 0, limits };
    return runBackup({ ...options, vmid: 101, storage }, deps, recorder, this.abort.signal);
  }

  async verdict(): Promise<Verdict> {
    return (await this.run()).backup.verdict;
  }

  /** Everything that was asked, without the renewals. */
  get story(): string[] {
    return this.journal.filter((entry) => entry !== 'renew');
  }

  /** A thaw was sent, and nothing is held. */
  get isThawed(): boolean {
    return !this.quiesce.isHeld && this.journal.includes('thaw');
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('a backup whose snapshot is seen while everything is held', () => {
  it('is app-consistent, with its proof, and was thawed as soon as the snapshot was seen', async () => {
    let heldAfterwards: boolean | undefined;
    const look = (): void => void (heldAfterwards = bench.quiesce.isHeld);
    bench.node.will([lines.start, lines.snapshotMode, [], lines.archive, look, [], lines.ok]);
    const { backup } = await bench.run();
    expect(heldAfterwards).toBe(false);
    expect(bench.story).toEqual(['prepare', 'hold', 'post', 'snapshot seen', 'thaw']);
    expect(backup.verdict).toMatchObject({ consistency: 'app', reason: 'HoldSpansSnapshot' });
    expect(backup.verdict.proof).toMatchObject({ kind: 'order-of-request', snapshotLine: lines.archive });
    expect(backup).toMatchObject({
      volid: 'local:backup/vzdump-lxc-101-2026_01_01-00_00_00.tar.zst',
      sizeBytes: 1234,
      node: 'pve1',
    });
  });

  it('tells its verdict in the notes, in one line', async () => {
    bench.node.will(goodBackup);
    await bench.run();
    expect(bench.node.notes).toMatch(/^tacet: app-consistent, 2 services held \d+ ms, proof: held [^\n]*$/);
  });

  it('is made all the same when the notes cannot be written', async () => {
    bench.node.will(goodBackup).onNotes = () => {
      throw new ForbiddenError('Permission check failed (/storage/local, Datastore.AllocateSpace)');
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.steps.join('\n')).toContain('notes-not-written: Permission check failed');
  });

  it('names a backup on a Proxmox Backup Server as that storage does', async () => {
    const archive = "INFO: creating Proxmox Backup Server archive 'ct/101/2026-01-01T00:00:00Z'";
    bench.node.will([lines.snapshotMode, archive, lines.ok]);
    const { backup } = await bench.run('pbs');
    expect(backup.volid).toBe('pbs:backup/ct/101/2026-01-01T00:00:00Z');
    expect(backup.verdict.consistency).toBe('app');
  });

  it('has its lease renewed while the snapshot is long in coming', async () => {
    const slow = Array.from({ length: 250 }, () => []);
    bench.node.will([lines.snapshotMode, ...slow, lines.archive, lines.ok]);
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.journal.filter((entry) => entry === 'renew').length).toBeGreaterThan(1);
  });

  it('is not renewed without end for a guest that grants a lease of no length', async () => {
    const slow = Array.from({ length: 100 }, () => []);
    bench.node.will([lines.snapshotMode, ...slow, lines.archive, lines.ok]);
    bench.limits = { ...bench.limits, leaseMs: 1 };
    await bench.run();
    expect(bench.journal.filter((entry) => entry === 'renew').length).toBeLessThan(20);
    expect(bench.steps.filter((step) => step.startsWith('renew-failed'))).toHaveLength(1);
  });

  it('tells the store what to thaw before the guest is asked for anything', async () => {
    bench.node.will(goodBackup);
    let known: readonly string[] = [];
    bench.quiesce.before = (method) => {
      if (method === 'prepare') known = [...bench.quiesceIds];
    };
    await bench.run();
    expect(known).toEqual(['op']);
  });
});

describe('a backup without a hold is made, and says why it is only crash-consistent', () => {
  it('when no agent is connected', async () => {
    bench.agents.here = 'not-connected';
    bench.node.will(goodBackup);
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', message: /no agent/ });
    expect(bench.story).toEqual(['post', 'snapshot seen']);
  });

  it('when only a quarantined copy is connected', async () => {
    bench.agents.here = 'quarantined';
    bench.node.will(goodBackup);
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', message: /quarantined/ });
  });

  it('when the storage cannot snapshot: nothing is held at all', async () => {
    bench.node.will([lines.suspendMode, lines.archive, lines.ok]).canBeSnapshotted = () => false;
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', message: /cannot snapshot/ });
    expect(bench.story).toEqual(['post', 'snapshot seen']);
  });

  it('when the guest is quiesced for something else: that is left alone', async () => {
    bench.node.will(goodBackup);
    bench.quiesce.before = (method) => {
      const code = method === 'thaw' ? 'operation-mismatch' : 'conflict';
      throw new TacetError('the guest is held for operation other', { code });
    };
    expect(await bench.verdict()).toMatchObject({
      consistency: 'crash',
      message: /held for operation other/,
    });
    expect(bench.journal.filter((entry) => entry === 'thaw')).toHaveLength(1);
  });

  it.each(['prepare', 'hold'] as const)('when %s fails; the guest is thawed', async (failing) => {
    bench.node.will(goodBackup);
    bench.quiesce.before = (method) => {
      if (method === failing) throw new Error('the database hangs');
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', message: /the database hangs/ });
    expect(bench.story).toContain('post');
    expect(bench.isThawed).toBe(true);
  });

  it.each(['prepare', 'hold'] as const)('when %s hangs; the guest is thawed', async (hanging) => {
    bench.node.will(goodBackup);
    bench.quiesce.before = (method) => (method === hanging ? clock.sleep(6_000) : undefined);
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', message: /took longer than/ });
    expect(bench.story).toContain('post');
    expect(bench.journal).toContain('thaw');
  });
});

describe('a hold that cannot span the snapshot ends at once', () => {
  it.each([
    ['vzdump falls back to suspend mode', [lines.fallback, lines.suspendMode], 'NoSnapshot'],
    ['the guest is stopped', [lines.stopMode], 'NoSnapshot'],
  ] as const)('%s', async (_, shown, reason) => {
    let heldAfterwards: boolean | undefined;
    const [first, ...later] = shown;
    const look = (): void => void (heldAfterwards = bench.quiesce.isHeld);
    bench.node.will([first, look, ...later, lines.archive, lines.ok]);
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', reason });
    expect(heldAfterwards).toBe(false);
    expect(bench.story).toEqual(['prepare', 'hold', 'post', 'thaw', 'snapshot seen']);
  });

  it('the snapshot fails: thawed, and the operation tells what Proxmox said', async () => {
    bench.node.will([lines.snapshotMode, lines.snapshotFailed], 'job errors');
    await expect(bench.run()).rejects.toMatchObject({ code: 'backup-failed' });
    expect(bench.isThawed).toBe(true);
    expect(bench.steps.join('\n')).toContain('unable to create snapshot');
  });

  it('the task dies without a word', async () => {
    bench.node.will([lines.snapshotMode], 'unexpected status');
    await expect(bench.run()).rejects.toMatchObject({ code: 'backup-failed' });
    expect(bench.isThawed).toBe(true);
  });

  it('the snapshot does not come: thawed after the longest hold, and never called app-consistent', async () => {
    bench.limits = { ...bench.limits, maxHoldMs: 2_000 };
    const waitUntilThawed = async (): Promise<void> => {
      for (const end = clock.monotonicMs() + 10_000; bench.quiesce.isHeld && clock.monotonicMs() < end;) {
        await clock.sleep(50);
      }
    };
    bench.node.will([lines.snapshotMode, waitUntilThawed, lines.archive, lines.ok]);
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', reason: 'ThawedTooEarly' });
    expect(bench.story).toEqual(['prepare', 'hold', 'post', 'thaw', 'snapshot seen']);
  });

  it('the node does not show the task any more: thawed at once, and followed all the same', async () => {
    let heldAfterwards: boolean | undefined;
    const look = async (): Promise<void> => {
      await clock.sleep(200);
      heldAfterwards = bench.quiesce.isHeld;
    };
    const refused = new UnauthorizedError('no ticket');
    bench.node.will([lines.snapshotMode, refused, look, lines.archive, lines.ok]);
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', reason: 'ThawedTooEarly' });
    expect(heldAfterwards).toBe(false);
    expect(bench.steps.join('\n')).toContain('node-lost: the task goes on unseen: no ticket');
  });

  it('the agent was killed while held', async () => {
    bench.node.will([lines.snapshotMode, () => bench.quiesce.restart(), lines.archive, lines.ok]);
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', reason: 'HoldLost' });
  });

  it('the job is cancelled: thawed before it ends', async () => {
    bench.node.will([lines.snapshotMode, () => bench.abort.abort(new Error('stopping')), [], lines.archive]);
    await expect(bench.run()).rejects.toThrow('stopping');
    expect(bench.isThawed).toBe(true);
  });
});

describe('a thaw that is not answered', () => {
  it('is sent again until it is', async () => {
    let tries = 0;
    bench.node.will(goodBackup);
    bench.quiesce.before = (method) => {
      if (method === 'thaw' && ++tries < 3) throw new TacetError('lost', { code: 'guest-not-connected' });
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(tries).toBe(3);
    expect(bench.isThawed).toBe(true);
  });

  it('leaves the verdict unknown when the agent never says how the hold ended', async () => {
    const gone = (): void => void (bench.agents.here = 'not-connected');
    bench.node.will([lines.snapshotMode, gone, lines.archive, lines.ok]);
    expect(await bench.verdict()).toMatchObject({ consistency: 'unknown', reason: 'ThawNotSeen' });
    expect(bench.steps.join('\n')).toContain('the lease has thawed what was held');
    expect(bench.quiesce.isHeld).toBe(false);
  });
});

describe('a node that is busy, or does not answer', () => {
  it('is tried again; nothing is held while waiting', async () => {
    bench.node.will(busyNode, 'unexpected status').will(goodBackup);
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    const once = ['prepare', 'hold', 'post'];
    expect(bench.story).toEqual([...once, 'thaw', ...once, 'snapshot seen', 'thaw']);
    expect(bench.quiesceIds).toEqual(['op', 'op.2']);
  });

  it('is given up after the deadline, thawed', async () => {
    bench.limits = { ...bench.limits, backupDeadlineMs: 1_500 };
    for (let i = 0; i < 500; i++) bench.node.will(busyNode, 'unexpected status');
    await expect(bench.run()).rejects.toMatchObject({ code: 'node-busy', retryable: true });
    expect(bench.isThawed).toBe(true);
  });

  it('is not asked twice when only its answer was lost', async () => {
    bench.node.will(goodBackup).onRequest = () => {
      bench.node.begin();
      throw new UnreachableError('596: connection broke', { mayHaveStarted: true });
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', message: /answer .* was lost/ });
    expect(bench.story).toEqual(['prepare', 'hold', 'post', 'thaw', 'snapshot seen']);
  });

  it('is asked again when it was not reached', async () => {
    let requests = 0;
    bench.node.will(goodBackup).onRequest = () => {
      if (++requests === 1) throw new UnreachableError('connection refused');
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.story.slice(0, 5)).toEqual(['prepare', 'hold', 'post', 'thaw', 'prepare']);
  });
});

describe('a backup that is made', () => {
  it('is not forgotten, verdict and all, because the controller is stopped while it writes the notes', async () => {
    bench.node.will(goodBackup).onNotes = () => {
      bench.abort.abort(new Error('stopping'));
      throw bench.abort.signal.reason;
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.steps.join('\n')).toContain('notes-not-written: stopping');
  });
});

describe('a request for a backup that may have been carried out', () => {
  it.each([
    ['a proxy gave up on it', new ServerError('504', 504, { retryable: true, mayHaveStarted: true })],
    ['its answer was damaged', new UnexpectedAnswerError('no JSON', { mayHaveStarted: true })],
  ])('is followed, not given up: %s', async (_, error) => {
    bench.node.will(goodBackup).onRequest = () => {
      bench.node.begin();
      throw error;
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'crash', message: /answer .* was lost/ });
    expect(bench.story).toEqual(['prepare', 'hold', 'post', 'thaw', 'snapshot seen']);
  });

  it('is never taken for yesterday’s, though the tasks of before could not be listed', async () => {
    bench.node.will(goodBackup).begin();
    const list = bench.node.ownTasks.bind(bench.node);
    let looks = 0;
    bench.node.ownTasks = async () => {
      if (++looks === 1) throw new ServerError('got timeout', 500);
      return await list();
    };
    let requests = 0;
    bench.node.will(goodBackup).onRequest = () => {
      if (++requests === 1) throw new UnreachableError('connection refused');
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.story.filter((entry) => entry === 'post')).toHaveLength(2);
  });
});

describe('a backup that is to be made in another way', () => {
  it('than from a snapshot is made without a hold, and says why', async () => {
    bench.node.will([lines.start, lines.stopMode, lines.archive, lines.ok]);
    const { backup } = await bench.run(undefined, { mode: 'stop' });
    expect(backup.verdict).toMatchObject({ consistency: 'crash', message: /stop mode was asked for/ });
    expect(bench.node.orders).toMatchObject([{ mode: 'stop' }]);
    expect(bench.story).toEqual(['post', 'snapshot seen']);
  });

  const closed = { whenNotQuiesced: 'fail-closed' } as const;

  it('only when held is not asked for where nobody can hold', async () => {
    bench.agents.here = 'not-connected';
    const failure = { code: 'hold-failed', message: /no agent/, hint: /fail-closed/ };
    await expect(bench.run(undefined, closed)).rejects.toMatchObject(failure);
    expect(bench.story).toEqual([]);
  });

  it('only when held is not asked for where the hold fails, and leaves nothing held', async () => {
    bench.quiesce.before = (method) => {
      if (method === 'hold') throw new TacetError('the freezer is gone', { code: 'hold-failed' });
    };
    await expect(bench.run(undefined, closed)).rejects.toMatchObject({ message: /the freezer is gone/ });
    await expect.poll(() => bench.isThawed).toBe(true);
    expect(bench.story).not.toContain('post');
  });

  it('only when held is not asked for where the storage cannot snapshot', async () => {
    bench.node.canBeSnapshotted = () => false;
    await expect(bench.run(undefined, closed)).rejects.toMatchObject({ code: 'hold-failed' });
    expect(bench.story).toEqual([]);
  });

  it('only when held is made when it is', async () => {
    bench.node.will(goodBackup);
    expect((await bench.run(undefined, closed)).backup.verdict.consistency).toBe('app');
  });

  it('with a retention of its own tells Proxmox VE', async () => {
    bench.node.will(goodBackup);
    await bench.run(undefined, { retention: { keepLast: 3, keepDaily: 7 } });
    expect(bench.node.orders).toMatchObject([{ pruneBackups: 'keep-last=3,keep-daily=7' }]);
  });

  it('with a retention that the token may not ask for is made with that of the storage, under the same hold', async () => {
    bench.node.will(goodBackup).onRequest = () => {
      if (bench.node.orders.at(-1)?.pruneBackups === undefined) return;
      throw new ForbiddenError('Permission check failed (/storage/local, Datastore.Allocate)');
    };
    const { backup } = await bench.run(undefined, { retention: { keepAll: true } });
    expect(backup.verdict.consistency).toBe('app');
    expect(bench.story).toEqual(['prepare', 'hold', 'post', 'post', 'snapshot seen', 'thaw']);
    expect(bench.steps.join('\n')).toMatch(/retention-refused: .*Datastore\.Allocate/);
  });

  it('with a longest hold of its own is thawed after it', async () => {
    const waitUntilThawed = async (): Promise<void> => {
      while (!bench.journal.includes('thaw')) await clock.sleep(10);
    };
    bench.node.will([lines.snapshotMode, waitUntilThawed, lines.archive, lines.ok]);
    bench.limits = { ...bench.limits, maxHoldMs: 3_600_000, leaseMs: 3_600_000 };
    const { backup } = await bench.run(undefined, { maxHoldMs: 2_000 });
    expect(backup.verdict.consistency).toBe('crash');
    expect(bench.steps).toContain('hold-too-long: no snapshot was seen within 2000 ms');
  });
});

describe('a node that is seen to be busy', () => {
  it('is waited for before anybody is asked for anything', async () => {
    let looks = 0;
    bench.node.will(goodBackup).backingUp = () => ++looks < 3;
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.story).toEqual(['prepare', 'hold', 'post', 'snapshot seen', 'thaw']);
  });

  it('or not, where it does not say', async () => {
    bench.node.will(goodBackup).backingUp = () => {
      throw new ServerError('got timeout', 500);
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
  });
});

describe('a guest that is leaving its node', () => {
  it.each([
    ['has left', "ERROR: Backup of VM 101 failed - unable to find VM '101'"],
    ['is on its way', 'ERROR: Backup of VM 101 failed - CT is locked (migrate)'],
  ])('and %s, is thawed, looked for, and held again', async (_, line) => {
    bench.node.will([lines.start, line], 'job errors').will(goodBackup);
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.story).toEqual([
      'prepare',
      'hold',
      'post',
      'thaw',
      'prepare',
      'hold',
      'post',
      'snapshot seen',
      'thaw',
    ]);
  });
});

describe('what is refused', () => {
  it('a storage that cannot take backups, before anything is quiesced', async () => {
    bench.node.content = ['images', 'rootdir'];
    await expect(bench.run()).rejects.toMatchObject({ code: 'invalid-input', hint: /content type backup/ });
    expect(bench.story).toEqual([]);
  });

  it('a storage that is disabled, before anything is quiesced', async () => {
    bench.node.enabled = false;
    await expect(bench.run()).rejects.toMatchObject({ code: 'invalid-input', hint: /--disable 0/ });
    expect(bench.story).toEqual([]);
  });

  it.each([['VM.Backup'], ['Datastore.AllocateSpace']])(
    'what the token lacks %s for, before anything is quiesced',
    async (privilege) => {
      bench.node.will(goodBackup).lacks = () => [privilege];
      const refused = { code: 'node-refused', message: new RegExp(`lacks ${privilege}`), hint: /TacetGuest/ };
      await expect(bench.run()).rejects.toMatchObject(refused);
      expect(bench.story).toEqual([]);
    },
  );

  it('a token that the node does not accept, before anything is quiesced', async () => {
    bench.node.will(goodBackup).lacks = () => {
      throw new UnauthorizedError('401');
    };
    await expect(bench.run()).rejects.toMatchObject({ code: 'node-refused' });
    expect(bench.story).toEqual([]);
  });

  it('but not for what a backup can do without', async () => {
    bench.node.will(goodBackup).lacks = () => ['VM.Snapshot', 'Datastore.Audit'];
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
  });

  it('but a node that does not say what the token may do is asked for the backup', async () => {
    bench.node.will(goodBackup).lacks = () => {
      throw new ServerError('got timeout', 500);
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.steps.join('\n')).toContain('grants-unknown: got timeout');
  });

  it('but a node that is silent about the token is not waited for for long', async () => {
    bench.node.will(goodBackup).grantsOn = () => new Promise(() => undefined);
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
    expect(bench.steps.join('\n')).toContain('grants-unknown: asking what the token may do took longer than');
  });

  it('by the node: thawed, with its words', async () => {
    bench.node.onRequest = () => {
      throw new ForbiddenError('Permission check failed (/vms/101, VM.Backup)');
    };
    await expect(bench.run()).rejects.toMatchObject({ code: 'node-refused', hint: /Grant VM.Backup/ });
    expect(bench.isThawed).toBe(true);
  });

  it('but a node that cannot say whether it can snapshot is believed to', async () => {
    bench.node.will(goodBackup).canBeSnapshotted = () => {
      throw new ServerError('got timeout', 500);
    };
    expect(await bench.verdict()).toMatchObject({ consistency: 'app' });
  });
});
