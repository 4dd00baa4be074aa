import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectFree, recorded, settled } from './expectations.ts';
import { said } from './proxmox-user.ts';
import { guests, HookHouse } from './hook-house.ts';

let house: HookHouse;
beforeEach(async () => {
  house = await HookHouse.open();
});
afterEach(() => house[Symbol.asyncDispose]());

const { single, unable, stopped, double, absent, stranger } = guests;
const story = (vmid: number): string[] => house.guest(vmid).story;

describe('a backup that somebody starts in Proxmox VE', () => {
  it.each([
    ['of one volume', single],
    ['of two volumes', double],
  ])(
    'in snapshot mode, %s, is held for the snapshot alone, and proven by the order of the calls',
    async (_, vmid) => {
      const run = await house.user.vzdump({ vmid });
      expect(run.exitstatus).toBe('OK');
      expect(story(vmid)).toEqual(['prepare', 'hold', 'thaw']);
      expect(house.guest(vmid).copiedWhileHeld).toEqual([true]);
      const backup = await recorded(house, vmid);
      expect(backup).toMatchObject({ origin: 'hook', node: 'pve1', verdict: { consistency: 'app' } });
      const { proof } = backup.verdict;
      if (proof?.kind !== 'hook') throw new Error('another proof');
      const { holdConfirmedAt, snapshotAllowedAt, snapshotSeenAt, thawSentAt } = proof;
      const moments = [holdConfirmedAt, snapshotAllowedAt, snapshotSeenAt, thawSentAt];
      expect(moments).toEqual(moments.toSorted((a, b) => a - b));
      expect(proof.snapshotCall).toBe(`pre-restart snapshot ${vmid}`);
      await expectFree(house, vmid);
    },
  );

  it('tells the log of its task, a line a phase, what happened, and for how long writes stalled', async () => {
    const run = await house.user.vzdump({ vmid: single });
    expect(said(run)).toEqual([
      expect.stringMatching(/^prepared 2 services in \d+ ms, while writes went on$/),
      expect.stringMatching(/^held 2 services in \d+ ms \(db \d+, cache \d+\)$/),
      expect.stringMatching(/^thawed; writes had stalled for \d+ ms \(db \d+, cache \d+\)$/),
      expect.stringMatching(/^app-consistent: 2 services were held/),
    ]);
    const at = (text: string): number => run.log.findIndex((line) => line.includes(text));
    expect(at('tacet: held')).toBeLessThan(at('create storage snapshot'));
    expect(at('tacet: thawed')).toBeLessThan(at('creating vzdump archive'));
  });

  it('keeps what the job has written into the notes, and adds the verdict', async () => {
    await house.user.vzdump({ vmid: single, 'notes-template': '{{guestname}} of mine' });
    const notes = (await house.user.notesOf(await recorded(house, single))).split('\n');
    expect(notes).toEqual(['ct101 of mine', expect.stringMatching(/^tacet: app-consistent, .*let go on/)]);
  });

  it.each([
    ['asked for', single, 'suspend'],
    ['fallen back to', unable, 'snapshot'],
  ])(
    'in suspend mode, %s, is held for the second pass, asked nothing while frozen, and not called proven',
    async (_, vmid, mode) => {
      const run = await house.user.vzdump({ vmid, mode });
      expect(run.exitstatus).toBe('OK');
      expect(house.guest(vmid).copiedWhileHeld).toEqual([false, true]);
      expect(story(vmid)).toEqual(['prepare', 'hold', 'thaw']);
      expect((await recorded(house, vmid)).verdict).toMatchObject({
        consistency: 'crash',
        reason: 'CopiedInTwoPasses',
        proof: null,
      });
      expect(said(run)).toContainEqual(expect.stringMatching(/^thawed; /));
      await expectFree(house, vmid);
    },
  );

  it('in stop mode is flushed, and free to end by itself when it is shut down', async () => {
    const { exitstatus } = await house.user.vzdump({ vmid: single, mode: 'stop' });
    expect(exitstatus).toBe('OK');
    expect(story(single)).toEqual(['prepare', 'thaw']);
    expect((await recorded(house, single)).verdict).toMatchObject({
      consistency: 'crash',
      reason: 'GuestStopped',
    });
    await expectFree(house, single);
  });

  it('of a guest that does not run asks nobody', async () => {
    const run = await house.user.vzdump({ vmid: stopped });
    expect(run.exitstatus).toBe('OK');
    expect(story(stopped)).toEqual([]);
    expect(said(run)).toEqual([expect.stringMatching(/^crash-consistent: the guest did not run/)]);
    expect((await recorded(house, stopped)).verdict.reason).toBe('GuestNotRunning');
  });

  it('of several guests treats each as what it is', async () => {
    const run = await house.user.vzdump({ vmid: [single, double, absent, stranger].join(',') });
    expect(run.exitstatus).toBe('OK');
    const verdicts = [single, double, absent].map(
      async (vmid) => (await recorded(house, vmid)).verdict.reason,
    );
    expect(await Promise.all(verdicts)).toEqual(['HoldSpansSnapshot', 'HoldSpansSnapshot', 'NotHeld']);
    expect((await house.backups()).map(({ vmid }) => vmid)).not.toContain(stranger);
    expect(said(run).filter((line) => line.includes(String(stranger)))).toEqual([
      'guest 106 is not enrolled: it is not held',
    ]);
  });

  it('can be restored from the history like any other', async () => {
    await house.user.vzdump({ vmid: single });
    const { volid } = await recorded(house, single);
    expect(volid).toMatch(/^local:backup\/vzdump-lxc-101-.*\.tar\.zst$/);
    expect(await settled(house, single)).toMatchObject({
      kind: 'backup',
      state: 'succeeded',
      backup: { volid },
    });
  });
});

describe('a backup that the controller itself asks for', () => {
  it('is held by the controller, and the hook stays out', async () => {
    const api = await house.api();
    await api.call('POST', `/api/v1/guests/${single}/backups`, {});
    expect(await recorded(house, single)).toMatchObject({
      origin: 'controller',
      verdict: { consistency: 'app' },
    });
    expect(story(single).filter((entry) => entry !== 'renew')).toEqual(['prepare', 'hold', 'thaw']);
    expect(await house.backups()).toHaveLength(1);
    const { log } = await house.user.lastTask();
    expect(log.filter((line) => line.includes('tacet:'))).toEqual([
      'INFO: tacet: an operation of the controller is under way on guest 101: this hook stays out',
    ]);
  });

  it('is refused while a vzdump of somebody else is at work on that guest', async () => {
    house.guest(single).before = async (method) => {
      if (method === 'hold') await sleep(300);
    };
    const running = house.user.vzdump({ vmid: single });
    await expect.poll(() => story(single)).toContain('hold');
    const api = await house.api();
    expect((await api.call('POST', `/api/v1/guests/${single}/backups`, {})).status).toBe(409);
    expect((await running).exitstatus).toBe('OK');
    expect((await recorded(house, single)).verdict.consistency).toBe('app');
  });
});

describe('a guest that cannot be held', () => {
  it('is backed up all the same, in one line', async () => {
    const run = await house.user.vzdump({ vmid: absent });
    expect(run.exitstatus).toBe('OK');
    expect(said(run)).toEqual([
      'not held: no agent of this guest is connected',
      'crash-consistent: no agent of this guest is connected',
    ]);
  });

  it.each(['prepare', 'hold'] as const)('because its %s fails', async (failing) => {
    house.guest(single).before = (method) => {
      if (method === failing) throw new Error('the database hangs');
    };
    const run = await house.user.vzdump({ vmid: single });
    expect(run.exitstatus).toBe('OK');
    expect((await recorded(house, single)).verdict).toMatchObject({
      consistency: 'crash',
      reason: 'NotHeld',
      message: expect.stringContaining('the database hangs'),
    });
    expect(story(single)).toContain('thaw');
    await expectFree(house, single);
  });

  it('because its hold hangs keeps the job for no longer than that may take', async () => {
    await house.restartController({ holdDeadlineMs: 100 });
    house.guest(single).before = (method) => (method === 'hold' ? sleep(4_000) : undefined);
    const run = await house.user.vzdump({ vmid: single });
    expect(run.exitstatus).toBe('OK');
    expect((await recorded(house, single)).verdict).toMatchObject({
      reason: 'NotHeld',
      message: expect.stringContaining('took longer than'),
    });
    await expectFree(house, single);
  });

  it('because it lost its hold is not called proven', async () => {
    house.wire.fault = (phase) => {
      if (phase === 'pre-restart') house.guest(single).quiesce.restart();
      return undefined;
    };
    await house.user.vzdump({ vmid: single });
    expect((await recorded(house, single)).verdict).toMatchObject({
      consistency: 'crash',
      reason: 'HoldLost',
    });
  });
});

describe('the notes of a backup', () => {
  it('are no reason to fail: it says in one line why they could not be written', async () => {
    await house.restartController({ nodes: [] });
    const run = await house.user.vzdump({ vmid: single });
    expect(run.exitstatus).toBe('OK');
    expect(said(run).at(-1)).toMatch(/^the notes do not tell the verdict: no node pve1 is configured/);
    expect((await recorded(house, single)).verdict.consistency).toBe('app');
  });
});
