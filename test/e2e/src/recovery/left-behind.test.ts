import { operationSchema } from '@tacet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RecoveryHouse } from './recovery-house.ts';

const vmid = 101;

let house: RecoveryHouse;
beforeAll(async () => {
  house = await RecoveryHouse.open([vmid]);
});
afterAll(() => house[Symbol.asyncDispose]());

async function startBackup(): Promise<void> {
  await (await house.api()).expect(operationSchema, 'POST', `/api/v1/guests/${vmid}/backups`, {});
}

describe('what a killed vzdump leaves on its guest', () => {
  it('is named with the commands that clear it, and left for the operator to clear', async () => {
    const gate = house.backend.close('archive');
    await startBackup();
    await gate.reached;
    const [task] = await house.tasks('vzdump', vmid);
    house.sim.killWorker(task?.upid ?? '');
    gate.open();
    const killed = await house.ended(vmid);
    const commands = 'pct unlock 101 && pct delsnapshot 101 vzdump';
    expect(killed).toMatchObject({
      state: 'failed',
      backup: null,
      error: { code: 'backup-failed', hint: expect.stringContaining(commands) },
    });

    await startBackup();
    const refused = await house.ended(vmid);
    expect(refused.id).not.toBe(killed.id);
    expect(refused).toMatchObject({
      state: 'failed',
      error: {
        message: expect.stringContaining('is locked (backup)'),
        hint: expect.stringContaining(commands),
      },
    });

    house.sim.unlock(vmid);
    await startBackup();
    expect(await house.ended(vmid)).toMatchObject({ state: 'succeeded' });
  });
});
