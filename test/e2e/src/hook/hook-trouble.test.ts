import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectFree, recorded, settled } from './expectations.ts';
import { said } from './proxmox-user.ts';
import { guests, HookHouse, leaseMs } from './hook-house.ts';
import type { WireFault } from './hook-wire.ts';

let house: HookHouse;
beforeEach(async () => {
  house = await HookHouse.open();
});
afterEach(() => house[Symbol.asyncDispose]());

const { single, stopped, double, absent, stranger } = guests;
const modes = ['snapshot', 'suspend', 'stop'] as const;
const story = (vmid: number): string[] => house.guest(vmid).story;

/** As `tacet hook install --fail-closed` writes it. */
async function close(...vmids: (number | 'all')[]): Promise<void> {
  const script = await readFile(house.script, 'utf8');
  await writeFile(house.script, script.replace(/^closed=.*$/m, `closed='${vmids.join(' ')}'`));
}

const at = (phase: string, fault: WireFault) => (called: string) => (called === phase ? fault : undefined);

describe('without a controller', () => {
  beforeEach(async () => {
    await house.controller[Symbol.asyncDispose]();
    await house.wire[Symbol.asyncDispose]();
  });

  it.each(modes)('a backup in %s mode is what it would be without the hook', async (mode) => {
    const run = await house.user.vzdump({ vmid: single, mode });
    expect(run.exitstatus).toBe('OK');
    expect(said(run)[0]).toMatch(/^no controller at .* \(.*\): this guest is not held$/);
    const later = said(run)
      .slice(1)
      .map((line) => line.replace(/^.*: /, ''));
    expect(later).toEqual(mode === 'stop' ? [] : ['what is held ends with its lease']);
    expect(story(single)).toEqual([]);
    await expectFree(house, single);
  });

  it('a backup of a guest that is closed is refused', async () => {
    await close(single);
    const run = await house.user.vzdump({ vmid: `${single},${double}` });
    expect(run.exitstatus).toBe('job errors');
    expect(run.log.join('\n')).toMatch(/ERROR: Backup of VM 101 failed/);
    expect(run.log.join('\n')).toMatch(/Finished Backup of VM 104/);
    expect(said(run)).toContain('no backup of guest 101, because it is closed to one that is not held');
    await expectFree(house, single);
  });
});

describe('a controller that does not answer', () => {
  it('is waited for at each phase, and no backup fails for it', async () => {
    house.wire.fault = () => 'swallowed';
    const run = await house.user.vzdump({ vmid: single });
    expect(run.exitstatus).toBe('OK');
    expect(new Set(said(run))).toEqual(new Set(['no answer of the controller for 1 s: going on without it']));
    expect(story(single)).toEqual([]);
    await expectFree(house, single);
  });

  it.each([
    ['pre-stop', 'unanswered'],
    ['pre-stop', 'swallowed'],
    ['pre-stop', 'cut'],
  ] as const)(
    'at %s (%s) leaves a backup that is not called proven, and nothing held',
    async (phase, fault) => {
      house.wire.fault = at(phase, fault);
      const run = await house.user.vzdump({ vmid: single });
      expect(run.exitstatus).toBe('OK');
      expect((await recorded(house, single)).verdict).toMatchObject({ consistency: 'crash', proof: null });
      await expectFree(house, single);
    },
  );

  it.each(['unanswered', 'swallowed', 'cut'] as const)(
    'at pre-restart (%s) costs neither the proof nor the hold: the next phase comes after the snapshot too',
    async (fault) => {
      house.wire.fault = at('pre-restart', fault);
      const run = await house.user.vzdump({ vmid: single });
      expect(run.exitstatus).toBe('OK');
      expect((await recorded(house, single)).verdict).toMatchObject({ consistency: 'app' });
      await expectFree(house, single);
    },
  );

  it('at backup-start costs nothing when it does at pre-stop', async () => {
    house.wire.fault = at('backup-start', 'swallowed');
    await house.user.vzdump({ vmid: single });
    expect((await recorded(house, single)).verdict.consistency).toBe('app');
  });

  it('at any phase after the snapshot leaves the end to the lease, and the verdict to what the guest says', async () => {
    house.wire.fault = (phase) => (/^(pre-restart|post-restart)$/.test(phase) ? 'swallowed' : undefined);
    await house.wrapHook(`[ "$1" != backup-end ] || /bin/sleep ${leaseMs / 1_000}\nreal "$@"`);
    const run = await house.user.vzdump({ vmid: single });
    expect(run.exitstatus).toBe('OK');
    expect((await recorded(house, single)).verdict).toMatchObject({ consistency: 'crash' });
    await expectFree(house, single);
  });

  it('at the end of a backup costs no more than a line in its log: the archive is found', async () => {
    house.wire.fault = at('backup-end', 'swallowed');
    expect((await house.user.vzdump({ vmid: single })).exitstatus).toBe('OK');
    expect((await recorded(house, single)).verdict).toMatchObject({ consistency: 'app' });
    const [operation] = await house.operations();
    const found = operation?.steps.find(({ name }) => name === 'found');
    expect(found?.message).toMatch(/is complete, though .* had told of no archive$/);
    await expectFree(house, single);
  });

  it('from the end of a backup on leaves it to the next to have it found', async () => {
    house.wire.fault = (phase) => (phase.endsWith('-end') ? 'cut' : undefined);
    expect((await house.user.vzdump({ vmid: single })).exitstatus).toBe('OK');
    expect(await house.backups()).toEqual([]);
    house.wire.fault = () => undefined;
    await house.user.vzdump({ vmid: single });
    await expect.poll(async () => (await house.backups()).length).toBe(2);
    const backups = await house.backups();
    expect(backups.map(({ verdict }) => verdict.consistency)).toEqual(['app', 'app']);
    expect(new Set(backups.map(({ volid }) => volid)).size).toBe(2);
    await expectFree(house, single);
  });

  it('from its hold on leaves an archive that is found, and not called proven: nobody saw a snapshot', async () => {
    house.wire.fault = (phase) => (/^(p.*-restart|backup-end)$/.test(phase) ? 'cut' : undefined);
    expect((await house.user.vzdump({ vmid: single })).exitstatus).toBe('OK');
    expect(house.guest(single).copiedWhileHeld).toEqual([true]);
    expect((await recorded(house, single)).verdict).toMatchObject({
      consistency: 'unknown',
      reason: 'SnapshotNotSeen',
      proof: null,
    });
    await expectFree(house, single);
  });
});

describe('a guest that is closed to backups that are not held', () => {
  it.each([
    ['its hold fails', single, 'snapshot', { fails: 'hold' }],
    ['its preparation fails', single, 'snapshot', { fails: 'prepare' }],
    ['its hold fails, before the second pass', single, 'suspend', { fails: 'hold' }],
    ['it cannot be flushed, before it is shut down', single, 'stop', { fails: 'prepare' }],
    ['its agent is missing', absent, 'snapshot', {}],
    ['its agent is missing, before the first pass', absent, 'suspend', {}],
    ['nobody knows it', stranger, 'snapshot', {}],
    ['the answer to its hold is lost', single, 'snapshot', { lost: 'pre-stop' }],
  ] as const)(
    'is not backed up when %s',
    async (_, vmid, mode, trouble: { fails?: string; lost?: string }) => {
      await close(vmid);
      house.wire.fault = (phase) => (phase === trouble.lost ? 'unanswered' : undefined);
      house.guest(vmid).before = (method) => {
        if (method === trouble.fails) throw new Error('the database hangs');
      };
      const run = await house.user.vzdump({ vmid, mode });
      expect(run.exitstatus).toBe('job errors');
      expect(said(run)).toContain(`no backup of guest ${vmid}, because it is closed to one that is not held`);
      expect(house.guest(vmid).copiedWhileHeld.length).toBeLessThanOrEqual(mode === 'suspend' ? 1 : 0);
      expect(await house.backups()).toEqual([]);
      await expectFree(house, vmid);
    },
  );

  it('is backed up when it can be held, when it does not run, and when the controller itself asks', async () => {
    await close('all');
    expect((await house.user.vzdump({ vmid: `${single},${stopped}` })).exitstatus).toBe('OK');
    const api = await house.api();
    await api.call('POST', `/api/v1/guests/${double}/backups`, {});
    expect(await recorded(house, double)).toMatchObject({ origin: 'controller' });
  });

  it.each(modes)(
    'is not refused any more once it is being copied, in %s mode, whatever is not answered',
    async (mode) => {
      await close('all');
      house.wire.fault = (phase) => (/^(backup-start|pre-stop)$/.test(phase) ? undefined : 'unanswered');
      const run = await house.user.vzdump({ vmid: single, mode });
      expect(run.exitstatus).toBe('OK');
      await expectFree(house, single);
    },
  );
});

describe('a controller that is restarted', () => {
  it('between hold and snapshot leaves nothing held, and a history that says what it did not see', async () => {
    const gate = await house.gateBehind('pre-stop');
    const ended = await house.user.startVzdump({ vmid: single });
    await gate.reached();
    await house.restartController();
    await gate.open();
    expect((await ended()).exitstatus).toBe('OK');
    expect(house.guest(single).copiedWhileHeld).toEqual([false]);
    await expect.poll(async () => (await house.backups()).length).toBe(1);
    const operations = await house.operations();
    expect(operations).toMatchObject([
      {
        state: 'succeeded',
        backup: { origin: 'hook', verdict: { consistency: 'unknown', reason: 'BeginningNotSeen' } },
      },
    ]);
    expect(operations[0]?.steps.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['left', 'resumed', 'verdict']),
    );
    await expectFree(house, single);
  });
});

describe('a vzdump that ends without a word', () => {
  it('leaves a hold of one lease, and the guest free for the next', async () => {
    await house.wrapHook(`real "$@" || exit $?\n[ "$1" != pre-stop ] || exec /bin/sleep 20`);
    const ended = await house.user.startVzdump({ vmid: single });
    await expect.poll(() => house.guest(single).quiesce.isHeld, { timeout: 10_000 }).toBe(true);
    const heldAt = Date.now();
    await house.user.killVzdump();
    await ended();
    await expectFree(house, single);
    expect(Date.now() - heldAt).toBeLessThan(leaseMs + 2_000);
    house.sim.setHookScript(house.script);
    house.sim.unlock(single);
    const run = await house.user.vzdump({ vmid: single });
    expect(run.exitstatus).toBe('OK');
    expect((await recorded(house, single)).verdict.consistency).toBe('app');
    const [first] = (await house.operations()).toReversed();
    expect(first).toMatchObject({
      state: 'failed',
      error: { message: expect.stringContaining('ended without a word') },
    });
  });

  it('is stopped by an operator while it waits for the hold: thawed at once', async () => {
    house.guest(single).before = (method) => (method === 'hold' ? sleep(1_000) : undefined);
    const ended = await house.user.startVzdump({ vmid: single });
    await expect.poll(() => story(single), { timeout: 10_000 }).toContain('hold');
    await house.user.stopVzdump();
    expect((await ended()).exitstatus).toBe('job errors');
    await expect.poll(() => story(single), { timeout: leaseMs / 2 }).toContain('thaw');
    expect(await settled(house, single)).toMatchObject({ state: 'failed', backup: null });
    await expectFree(house, single);
  });
});

describe('a rehearsal of the guest that vzdump comes to', () => {
  it('makes room: the backup is held, and proven', async () => {
    const api = await house.api();
    const guest = house.guest(single);
    const begun = Promise.withResolvers<void>();
    let isFirst = true;
    guest.before = async (method) => {
      if (method !== 'prepare' || !isFirst) return;
      isFirst = false;
      begun.resolve();
      await sleep(20_000, undefined, { ref: false });
    };
    await api.call('POST', `/api/v1/guests/${single}/rehearsals`);
    await begun.promise;
    const run = await house.user.vzdump({ vmid: single });
    expect(run.exitstatus).toBe('OK');
    expect((await recorded(house, single)).verdict).toMatchObject({ consistency: 'app' });
    await expectFree(house, single);
    const rehearsal = (await house.operations()).find(({ kind }) => kind === 'rehearsal');
    expect(rehearsal).toMatchObject({ state: 'failed', error: { code: 'cancelled' } });
  });
});
