import { type ScheduleRun, scheduleRunListSchema, scheduleViewSchema } from '@tacet/protocol';
import { deferred } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RecoveryHouse } from '../recovery/recovery-house.ts';

const vmids = [101, 102, 103] as const;

/** It takes seconds; a machine that is slow may take its time. */
const patienceMs = 150_000;
vi.setConfig({ testTimeout: 400_000 });

let house: RecoveryHouse;
beforeAll(async () => {
  house = await RecoveryHouse.open(vmids);
});
afterAll(() => house[Symbol.asyncDispose]());

async function runs(): Promise<ScheduleRun[]> {
  const path = '/api/v1/schedules/nightly/runs';
  return (await (await house.api()).expect(scheduleRunListSchema, 'GET', path)).runs;
}

describe('a controller that is killed in the middle of a schedule', () => {
  it('goes on with it: each guest is backed up once, and the record is right', async () => {
    for (const vmid of vmids) await house.connectAgent(vmid);
    const api = await house.api();
    await api.expect(scheduleViewSchema, 'PUT', '/api/v1/schedules/nightly', {
      name: 'nightly',
      guests: { include: { all: true } },
      when: { event: 'yearly', timeZone: 'UTC' },
    });
    const gate = house.backend.close('archive');
    expect((await api.call('POST', '/api/v1/schedules/nightly/runs', {})).status).toBe(202);
    await gate.reached;
    await house.written("json_extract(seen, '$.thaw.thawed') IS 1");
    await house.kill();
    gate.open();
    await house.restart();
    for (const vmid of vmids) await house.connectAgent(vmid);
    const open = async (): Promise<number> => (await runs()).filter(({ endedAt }) => endedAt === null).length;
    await expect.poll(open, { timeout: patienceMs }).toBe(0);
    expect((await runs()).map(({ vmid, state, consistency }) => [vmid, state, consistency])).toEqual(
      vmids.toReversed().map((vmid) => [vmid, 'succeeded', 'app']),
    );
    for (const vmid of vmids) {
      expect(await house.tasks('vzdump', vmid)).toHaveLength(1);
      expect(await house.backups(vmid)).toHaveLength(1);
    }
  });

  it('begins again with a backup that it had not asked for, once', async () => {
    const killed = deferred();
    const quiesce = house.quiesce(101);
    quiesce.before = async (method) => {
      if (method !== 'hold') return;
      quiesce.before = () => undefined;
      await house.kill();
      killed.resolve();
    };
    await (await house.api()).call('POST', '/api/v1/schedules/nightly/runs', { vmids: [101] });
    await killed.promise;
    await house.restart();
    await house.connectAgent(101);
    await expect
      .poll(async () => (await runs())[0], { timeout: patienceMs })
      .toMatchObject({ vmid: 101, state: 'succeeded', consistency: 'app' });
    expect(await house.tasks('vzdump', 101)).toHaveLength(2);
    expect((await house.operations(101)).map(({ state }) => state)).toEqual([
      'succeeded',
      'failed',
      'succeeded',
    ]);
  });
});
