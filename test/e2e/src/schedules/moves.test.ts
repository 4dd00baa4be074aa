import { scheduleViewSchema } from '@tacet/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScheduleHouse } from './schedule-house.ts';

/** It takes seconds; a machine that is slow may take its time. */
const patienceMs = 150_000;
vi.setConfig({ testTimeout: 400_000 });

let house: ScheduleHouse;
beforeEach(async () => {
  house = await ScheduleHouse.open({
    nodes: { pve1: [101], pve2: [201] },
    foreign: [901, 902],
    tags: { 101: 'prod;web' },
  });
});
afterEach(() => house[Symbol.asyncDispose]());

async function runNightly(): Promise<void> {
  await house.api.expect(scheduleViewSchema, 'PUT', '/api/v1/schedules/nightly', {
    name: 'nightly',
    guests: { include: { tags: ['PROD'] } },
    when: { event: '02:00', timeZone: 'UTC' },
  });
  house.clock.go();
}

/** The one backup is made where the guest has gone, proven, and nothing is held. */
async function expectMadeOn(node: string): Promise<void> {
  const ended = async (): Promise<unknown> => (await house.runs('nightly'))[0];
  await expect
    .poll(ended, { timeout: patienceMs })
    .toMatchObject({ vmid: 101, state: 'succeeded', consistency: 'app' });
  expect(house.journal.filter((entry) => entry.startsWith('101 lock-taken')).at(-1)).toBe(
    `101 lock-taken ${node}`,
  );
  expect(house.quiesces.get(101)?.isHeld).toBe(false);
}

describe('a guest that moves to another node', () => {
  it('while its node is busy, is backed up where it is now', async () => {
    const gate = house.backend.close('archive');
    const end = await house.startForeign(901, 'pve1');
    await gate.reached;
    await runNightly();
    await expect.poll(() => house.journal, { timeout: patienceMs }).toContain('101 lock-refused pve1');
    house.sim.migrate(101, 'pve2');
    await expectMadeOn('pve2');
    gate.open();
    await end();
  });

  it('between its hold and the request, is thawed, and held again for the node that it is on', async () => {
    const quiesce = house.quiesces.get(101);
    if (quiesce !== undefined) {
      quiesce.before = (method) => {
        if (method === 'hold') house.sim.migrate(101, 'pve2');
      };
    }
    await runNightly();
    await expectMadeOn('pve2');
    const before = house.story(101).slice(0, house.story(101).indexOf('lock-taken'));
    expect(before.filter((entry) => entry !== 'renew')).toEqual([
      'prepare',
      'hold',
      'thaw',
      'prepare',
      'hold',
    ]);
    expect(house.journal.join('\n')).not.toContain('pve1');
  });

  it('between the request and the task, is thawed, and held again for the node that it is on', async () => {
    house.onLock = ({ kind, node }) => {
      if (kind === 'taken' && node === 'pve1') house.sim.migrate(101, 'pve2');
    };
    await runNightly();
    await expectMadeOn('pve2');
    expect(house.story(101).filter((entry) => entry === 'hold')).toHaveLength(2);
  });
});

describe('a controller whose token sees the tasks of others', () => {
  it('does not hold a guest at all for a node that is busy', async () => {
    for (const to of ['tacet@pve', 'tacet@pve!backup']) house.sim.grant(to, '/nodes', 'PVEAuditor');
    const gate = house.backend.close('archive');
    const end = await house.startForeign(901, 'pve1');
    await gate.reached;
    await runNightly();
    const waits = (): boolean => house.log.some((line) => line.includes('another backup runs on pve1'));
    await expect.poll(waits, { timeout: patienceMs }).toBe(true);
    gate.open();
    await end();
    await expectMadeOn('pve1');
    expect(house.story(101)[0]).toBe('prepare');
    expect(house.story(101)).not.toContain('lock-refused');
  });
});
