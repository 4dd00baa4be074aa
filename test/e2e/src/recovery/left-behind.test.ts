import { type Operation, operationSchema } from '@tacet/protocol';
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

/** @returns how the operation ended. */
async function killRestore(what: string, body: object, target: number): Promise<Operation> {
  const gate = house.backend.close('restore');
  const path = `/api/v1/guests/${vmid}/${what}`;
  await (await house.api()).expect(operationSchema, 'POST', path, body);
  await gate.reached;
  const [task] = await house.tasks('vzrestore', target);
  house.sim.killWorker(task?.upid ?? '');
  gate.open();
  return await house.ended(vmid);
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

describe('what a killed restore leaves, locked and half made, which no token can remove', () => {
  beforeAll(async () => {
    await startBackup();
    await house.ended(vmid);
  });

  it('under another VMID is named with the commands, and left', async () => {
    const killed = await killRestore('restores', { to: 201 }, 201);
    expect(killed).toMatchObject({
      state: 'failed',
      restoredTo: null,
      error: { code: 'restore-failed', hint: expect.stringContaining('pct unlock 201; pct destroy 201') },
    });
    expect(await house.tasks('vzdestroy', 201)).toEqual([]);
  });

  it('in a drill is named too, and the next drill takes another VMID', async () => {
    const killed = await killRestore('drills', {}, 900);
    expect(killed).toMatchObject({ kind: 'drill', state: 'failed', error: { code: 'restore-failed' } });
    // On a real node its configuration may not even bear the mark yet: that is merged in last.
    expect(killed.error?.hint).toMatch(/guest 900 .*pct unlock 900; pct destroy 900/);
    expect(await house.tasks('vzdestroy', 900)).toEqual([]);

    await (await house.api()).expect(operationSchema, 'POST', `/api/v1/guests/${vmid}/drills`, {});
    await expect.poll(() => house.isRunning(901), { timeout: 20_000 }).toBe(true);
    await house.connectAgent(901, vmid);
    expect(await house.ended(vmid)).toMatchObject({ kind: 'drill', state: 'succeeded' });
  });
});
