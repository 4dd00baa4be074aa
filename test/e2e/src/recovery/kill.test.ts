import { type Operation, operationSchema } from '@tacet/protocol';
import { deferred } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stage } from './gated-backend.ts';
import { RecoveryHouse } from './recovery-house.ts';

/** One for each test: none has to do with what another left behind. */
const guests = {
  prepare: 101,
  hold: 102,
  lost: 103,
  snapshot: 104,
  thaw: 105,
  archive: 106,
  notes: 107,
  done: 108,
  late: 109,
  source: 110,
} as const;

let house: RecoveryHouse;
beforeAll(async () => {
  house = await RecoveryHouse.open(Object.values(guests));
});
afterAll(() => house[Symbol.asyncDispose]());

async function startBackup(vmid: number): Promise<void> {
  await house.connectAgent(vmid);
  await (await house.api()).expect(operationSchema, 'POST', `/api/v1/guests/${vmid}/backups`, {});
}

/** The guest is asked for this, and the controller dies before it is answered. */
async function killAtRequest(vmid: number, wanted: 'prepare' | 'hold' | 'thaw'): Promise<void> {
  const killed = deferred();
  const quiesce = house.quiesce(vmid);
  quiesce.before = async (method) => {
    if (method !== wanted) return;
    quiesce.before = () => undefined;
    if (method === 'thaw') await house.written('seen IS NOT NULL');
    await house.kill();
    killed.resolve();
  };
  await startBackup(vmid);
  await killed.promise;
}

/** The node is at this stage, the store has what is said of the request, and the controller dies. */
async function killAtStage(
  begin: () => Promise<void>,
  stage: Stage,
  where: string,
): Promise<{ goOn: () => void }> {
  const gate = house.backend.close(stage);
  await begin();
  await gate.reached;
  await house.written(where);
  await house.kill();
  return { goOn: () => gate.open() };
}

/** Its agent comes back, and finds a controller that knows how everything ended, and holds nothing. */
async function expectSettled(vmid: number, vzdumps: number): ReturnType<RecoveryHouse['ended']> {
  await house.connectAgent(vmid);
  const operation = await house.ended(vmid);
  await expect.poll(() => house.quiesce(vmid).isHeld).toBe(false);
  expect(await house.tasks('vzdump', vmid)).toHaveLength(vzdumps);
  expect(await house.operations(vmid)).toHaveLength(1);
  expect(await house.backups(vmid)).toEqual(operation.backup === null ? [] : [operation.backup]);
  expect(operation.steps.map(({ name }) => name)).toContain('resumed');
  const { backup } = operation;
  const notes = backup && (await house.notes(backup.volid)).split('\n');
  const told = notes && notes.map((line) => /^tacet: (\w+)-consistent/.exec(line)?.[1]);
  expect(told).toEqual(backup && [backup.verdict.consistency]);
  expect(backup?.sizeBytes ?? 1).toBeGreaterThan(0);
  return operation;
}

const nothingStarted = { state: 'failed', backup: null, error: { retryable: true, message: /restarted/ } };
const made = (consistency: string, reason: string) => ({
  state: 'succeeded',
  error: null,
  backup: { origin: 'controller', verdict: { consistency, reason } },
});

const ready = (to: number) => ({ kind: 'restore', state: 'succeeded', restoredTo: to, error: null });

describe('a controller that is killed during a backup', () => {
  it.each(['prepare', 'hold'] as const)('at %s, has started nothing, and leaves nothing held', async (at) => {
    const vmid = guests[at];
    await killAtRequest(vmid, at);
    await house.restart();
    expect(await expectSettled(vmid, 0)).toMatchObject(nothingStarted);
  });

  it('while it asks, finds the task that came of it', async () => {
    const vmid = guests.lost;
    house.quiesce(vmid).before = (method) => {
      if (method === 'hold') house.sim.setFault('pve1', 'daemon-hung');
    };
    await startBackup(vmid);
    await expect.poll(() => house.quiesce(vmid).isHeld).toBe(true);
    await house.written('upid IS NULL');
    await house.requestHangs();
    await house.kill();
    house.sim.setFault('pve1', undefined);
    await expect.poll(async () => await house.tasks('vzdump', vmid)).toHaveLength(1);
    await house.restart();
    const operation = await expectSettled(vmid, 1);
    expect(operation).toMatchObject(made('unknown', 'ControllerRestarted'));
    expect(operation.steps.map(({ name }) => name)).toContain('found');
  });

  it('while it asks a daemon that hangs, waits for what that may still do', async () => {
    const vmid = guests.late;
    house.quiesce(vmid).before = (method) => {
      if (method === 'hold') house.sim.setFault('pve1', 'daemon-hung');
    };
    await startBackup(vmid);
    await house.requestHangs();
    await house.kill();
    await house.restart();
    await expect.poll(() => house.steps(vmid), { timeout: 20_000 }).toContain('node-lost');
    expect(await house.tasks('vzdump', vmid)).toEqual([]);
    house.sim.setFault('pve1', undefined);
    expect(await expectSettled(vmid, 1)).toMatchObject(made('unknown', 'ControllerRestarted'));
  });

  it('while it is held and the node has begun, never calls the backup app-consistent', async () => {
    const vmid = guests.snapshot;
    const { goOn } = await killAtStage(() => startBackup(vmid), 'snapshot', 'seen IS NOT NULL');
    await house.restart();
    goOn();
    expect(await expectSettled(vmid, 1)).toMatchObject(made('unknown', 'ThawNotSeen'));
  });

  it('at thaw, does not know how the hold ended', async () => {
    const vmid = guests.thaw;
    await killAtRequest(vmid, 'thaw');
    await house.restart();
    expect(await expectSettled(vmid, 1)).toMatchObject(made('unknown', 'ThawNotSeen'));
  });

  it('while the archive is written, has not forgotten the proof that it had seen', async () => {
    const vmid = guests.archive;
    const thawed = "json_extract(seen, '$.thaw.thawed') IS 1";
    const { goOn } = await killAtStage(() => startBackup(vmid), 'archive', thawed);
    await house.restart();
    goOn();
    const operation = await expectSettled(vmid, 1);
    expect(operation).toMatchObject(made('app', 'HoldSpansSnapshot'));
    expect(operation.backup?.verdict.proof).toMatchObject({ kind: 'order-of-request' });
  });

  it('while it writes the notes, records the backup once', async () => {
    const vmid = guests.notes;
    const { goOn } = await killAtStage(() => startBackup(vmid), 'notes', 'upid IS NOT NULL');
    goOn();
    await house.restart();
    expect(await expectSettled(vmid, 1)).toMatchObject(made('app', 'HoldSpansSnapshot'));
  });

  it('when it was over, changes nothing', async () => {
    const vmid = guests.done;
    await startBackup(vmid);
    const before = await house.ended(vmid);
    await house.kill();
    await house.restart();
    expect(await house.operations(vmid)).toEqual([before]);
    expect(await house.tasks('vzdump', vmid)).toHaveLength(1);
  });
});

describe('a controller that is killed during a restore', () => {
  const { source } = guests;

  beforeAll(async () => {
    await startBackup(source);
    await house.ended(source);
  });

  async function startRestore(to: number): Promise<void> {
    const path = `/api/v1/guests/${source}/restores`;
    await (await house.api()).expect(operationSchema, 'POST', path, { to });
  }

  /** The copy calls when it runs, is adopted, and everything was asked for once. */
  async function restored(to: number): Promise<Operation> {
    await expect.poll(() => house.isRunning(to), { timeout: 20_000 }).toBe(true);
    const copy = await house.connectAgent(to, source);
    expect((await copy.next('welcome')).identity).toMatchObject({ kind: 'adopted', vmid: to });
    const operation = await house.ended(source);
    expect(operation.steps.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['ordered', 'resumed', 'restored', 'started', 'adopted', 'ready']),
    );
    expect(await house.tasks('vzrestore', to)).toHaveLength(1);
    expect(await house.tasks('vzstart', to)).toHaveLength(1);
    return operation;
  }

  it('while it asks, finds the task that came of it', async () => {
    house.sim.setFault('pve1', 'daemon-hung');
    await startRestore(201);
    await house.written("what = 'restore'");
    await house.requestHangs();
    await house.kill();
    house.sim.setFault('pve1', undefined);
    await expect.poll(async () => await house.tasks('vzrestore', 201)).toHaveLength(1);
    await house.restart();
    expect(await restored(201)).toMatchObject(ready(201));
  });

  it('while the node restores, goes on with it', async () => {
    const { goOn } = await killAtStage(() => startRestore(202), 'restore', 'upid IS NOT NULL');
    await house.restart();
    goOn();
    expect(await restored(202)).toMatchObject(ready(202));
  });

  it('when the node has restored meanwhile, starts the copy', async () => {
    const { goOn } = await killAtStage(() => startRestore(203), 'restore', 'upid IS NOT NULL');
    goOn();
    await expect.poll(async () => (await house.tasks('vzrestore', 203))[0]?.running).toBe(false);
    await house.restart();
    expect(await restored(203)).toMatchObject(ready(203));
  });

  it('while the copy starts, does not start it again', async () => {
    const started = "what = 'start' AND upid IS NOT NULL";
    const { goOn } = await killAtStage(() => startRestore(204), 'start', started);
    await house.restart();
    goOn();
    expect(await restored(204)).toMatchObject(ready(204));
  });

  it('while it waits for the copy, goes on waiting', async () => {
    await startRestore(205);
    await expect.poll(() => house.isRunning(205), { timeout: 20_000 }).toBe(true);
    await house.kill();
    await house.restart();
    expect(await restored(205)).toMatchObject(ready(205));
  });
});
