import type { Backup } from '@tacet/protocol';
import { ForbiddenError, MissingError } from '@tacet/proxmox';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeAgents } from '../testing/fake-agents.ts';
import { fakeNodes, FakeNode } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { scaledClock } from '../testing/scaled-clock.ts';
import { runOrAdopt } from './adopt-archive.ts';
import { HookBackup } from './hook-backup.ts';

const clock = scaledClock(20);
const volid = 'local:backup/vzdump-lxc-101-2026_01_01-00_00_00.tar.zst';

let node: FakeNode;
let steps: string[];
let stop: AbortController;
let recorded: () => Promise<readonly Backup[]>;
beforeEach(() => {
  node = new FakeNode(clock, []);
  steps = [];
  stop = new AbortController();
  recorded = async () => [];
});

/** Of a backup that vzdump has begun, and whose script says no more. */
async function outcome(archive?: { storage: string; volid: string }): Promise<unknown> {
  const limits = {
    prepareDeadlineMs: 2_000,
    holdDeadlineMs: 2_000,
    leaseMs: 3_000,
    maxHoldMs: 3_000,
    backupDeadlineMs: 60_000,
  };
  const ports = { agents: new FakeAgents(new FakeQuiesce(clock), clock), nodes: fakeNodes(node), clock };
  const options = { ...ports, vmid: 101, nodeName: 'pve1', limits, sawBeginning: true };
  const backup = new HookBackup({ ...options, startedAt: 1, archive });
  const recorder = {
    operationId: 'op',
    step: (name: string, message: string) => void steps.push(`${name}: ${message}`),
    written: async () => undefined,
    quiescing: () => undefined,
    asking: async () => undefined,
    accepted: () => undefined,
    observed: () => undefined,
  };
  const run = runOrAdopt({
    ...ports,
    backup,
    recorder,
    backupsOf: () => recorded(),
    signal: stop.signal,
  });
  backup.abandon('vzdump gave up');
  return await run.then(
    (finished) => finished.backup,
    (error: unknown) => error,
  );
}

const onStorage = { storage: 'local', volid };
const gaveUp = { code: 'backup-failed', message: 'vzdump gave up' };

describe('an archive that the script never told of', () => {
  it('is the backup, when vzdump gave it its name; it is not called proven', async () => {
    expect(await outcome(onStorage)).toMatchObject({
      volid,
      node: 'pve1',
      origin: 'hook',
      startedAt: 1,
      sizeBytes: 1234,
      verdict: { consistency: 'crash', reason: 'NotHeld', proof: null },
    });
    expect(steps).toContain(`found: ${volid} is complete, though vzdump gave up`);
    expect(node.notes).toMatch(/^tacet: crash-consistent: /);
  });

  it('is not that of the backup before, which may have the same name', async () => {
    await outcome(onStorage);
    const before = (await outcome(onStorage)) as Backup;
    recorded = async () => [before];
    node.notes = 'as they are';
    expect(await outcome(onStorage)).toMatchObject(gaveUp);
    expect(node.notes).toBe('as they are');
    expect(steps.at(-1)).toBe(`archive-not-found: ${volid} is that of the backup before`);
  });

  it.each([
    ['is none', new MissingError('no such volume'), `there is no ${volid}`],
    ['may not be looked at', new ForbiddenError('Permission check failed'), 'Permission check failed'],
  ])('%s: the backup has failed, and why stands among its steps', async (_, error, words) => {
    node.backupAttributes = () => Promise.reject(error);
    expect(await outcome(onStorage)).toMatchObject(gaveUp);
    expect(steps).toEqual([expect.stringMatching(/^archive-not-found: /)]);
    expect(steps[0]).toContain(words);
  });

  it('is not looked for where the history cannot be read, and where it goes to no storage', async () => {
    recorded = () => Promise.reject(new Error('the store is broken'));
    expect(await outcome(onStorage)).toMatchObject(gaveUp);
    expect(steps).toEqual([expect.stringContaining('the store is broken')]);
    expect(await outcome(undefined)).toMatchObject(gaveUp);
    expect(steps).toHaveLength(1);
    expect(node.notes).toBeUndefined();
  });

  it('is left to the next controller where this one stops', async () => {
    stop.abort(new Error('stopped'));
    expect(await outcome(onStorage)).toMatchObject({ message: 'stopped' });
    expect(node.notes).toBeUndefined();
  });
});
