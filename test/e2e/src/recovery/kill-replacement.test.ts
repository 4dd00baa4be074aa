import { type Operation, operationSchema, scheduleRunListSchema, scheduleViewSchema } from '@tacet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stage } from './gated-backend.ts';
import { RecoveryHouse } from './recovery-house.ts';

/** One for each test: none has to do with what another left behind. */
const guests = {
  safety: 101,
  stopping: 102,
  restoring: 103,
  starting: 104,
  waiting: 105,
  rolling: 106,
  rollStarting: 107,
  rollWaiting: 108,
  snapshot: 109,
  drilled: 110,
  rollStopped: 111,
} as const;

let house: RecoveryHouse;
beforeAll(async () => {
  house = await RecoveryHouse.open(Object.values(guests));
});
afterAll(() => house[Symbol.asyncDispose]());

async function post(vmid: number, what: string, body: object): Promise<void> {
  await (await house.api()).expect(operationSchema, 'POST', `/api/v1/guests/${vmid}/${what}`, body);
}

async function backedUp(vmid: number): Promise<void> {
  await house.connectAgent(vmid);
  await post(vmid, 'backups', {});
  await house.ended(vmid);
}

async function snapshotted(vmid: number): Promise<void> {
  await house.connectAgent(vmid);
  await post(vmid, 'snapshots', { before: 'the test' });
  await house.ended(vmid);
}

/** The node is at this stage, the store has what is said of the request, and the controller dies. */
async function killAt(begin: () => Promise<void>, stage: Stage, where: string): Promise<() => void> {
  const gate = house.backend.close(stage);
  await begin();
  await gate.reached;
  await house.written(where);
  await house.kill();
  return () => gate.open();
}

const asked = (what: string): string => `what = '${what}' AND upid IS NOT NULL`;
const inPlace = (vmid: number) => () => post(vmid, 'restores', { to: vmid, replace: true, safety: 'none' });
const namesOf = ({ steps }: Operation): string[] => steps.map(({ name }) => name);

/** Its agent calls when it runs again, and everything was asked for once. */
async function restored(vmid: number): Promise<Operation> {
  await expect.poll(() => house.isRunning(vmid), { timeout: 20_000 }).toBe(true);
  await expect.poll(() => house.steps(vmid), { timeout: 20_000 }).toContain('started');
  await house.connectAgent(vmid);
  const operation = await house.ended(vmid);
  expect(namesOf(operation)).toEqual(
    expect.arrayContaining(['resumed', 'restored', 'started', 'back', 'ready']),
  );
  for (const type of ['vzshutdown', 'vzrestore', 'vzstart']) {
    expect(await house.tasks(type, vmid)).toHaveLength(1);
  }
  return operation;
}

const rollBack = (vmid: number) => () => post(vmid, 'rollbacks', {});

async function rolledBack(vmid: number): Promise<Operation> {
  await expect.poll(() => house.steps(vmid), { timeout: 20_000 }).toContain('started');
  await house.connectAgent(vmid);
  const operation = await house.ended(vmid);
  expect(namesOf(operation)).toEqual(expect.arrayContaining(['resumed', 'rolled-back', 'back', 'ready']));
  for (const type of ['vzrollback', 'vzstart']) expect(await house.tasks(type, vmid)).toHaveLength(1);
  expect(await house.isRunning(vmid)).toBe(true);
  return operation;
}

const ready = (vmid: number) => ({ kind: 'restore', state: 'succeeded', restoredTo: vmid, error: null });
const back = { kind: 'rollback', state: 'succeeded', error: null };

describe('a controller that is killed during a restore in place', () => {
  it('while the safety backup is made, records that, and touches nothing', async () => {
    const vmid = guests.safety;
    await backedUp(vmid);
    const begin = (): Promise<void> => post(vmid, 'restores', { to: vmid, replace: true });
    const goOn = await killAt(begin, 'archive', asked('backup'));
    await house.restart();
    goOn();
    const operation = await house.ended(vmid);
    expect(operation).toMatchObject({ state: 'failed', restoredTo: null, error: { retryable: true } });
    expect(operation.error?.hint).toContain(`Guest ${vmid} was not touched.`);
    expect(operation.backup?.volid).toBeDefined();
    const [safety, wanted] = await house.backups(vmid);
    expect(safety?.id).toBe(operation.backup?.id);
    expect(operation.error?.hint).toContain(`tacet restore ${vmid} --in-place --backup ${wanted?.id}`);
    expect(await house.isRunning(vmid)).toBe(true);
    expect(await house.tasks('vzrestore', vmid)).toEqual([]);
  });

  it('while the guest is shut down, has it run again as it was', async () => {
    const vmid = guests.stopping;
    await backedUp(vmid);
    const goOn = await killAt(inPlace(vmid), 'shutdown', asked('stop'));
    goOn();
    await expect.poll(() => house.isRunning(vmid), { timeout: 20_000 }).toBe(false);
    await house.restart();
    const operation = await house.ended(vmid);
    expect(operation).toMatchObject({ state: 'failed', restoredTo: null, error: { retryable: true } });
    expect(operation.error?.hint).toContain('runs as before');
    expect(await house.isRunning(vmid)).toBe(true);
    expect(await house.tasks('vzrestore', vmid)).toEqual([]);
  });

  it('while the node restores, goes on with it', async () => {
    const vmid = guests.restoring;
    await backedUp(vmid);
    const goOn = await killAt(inPlace(vmid), 'restore', asked('restore'));
    await house.restart();
    goOn();
    expect(await restored(vmid)).toMatchObject(ready(vmid));
  });

  it('while the guest starts, does not start it again', async () => {
    const vmid = guests.starting;
    await backedUp(vmid);
    const goOn = await killAt(inPlace(vmid), 'start', asked('start'));
    await house.restart();
    goOn();
    expect(await restored(vmid)).toMatchObject(ready(vmid));
  });

  it('while it waits for the guest, goes on waiting', async () => {
    const vmid = guests.waiting;
    await backedUp(vmid);
    await inPlace(vmid)();
    await expect.poll(() => house.steps(vmid), { timeout: 20_000 }).toContain('started');
    await house.kill();
    await house.restart();
    expect(await restored(vmid)).toMatchObject(ready(vmid));
  });
});

describe('a controller that is killed during a rollback', () => {
  it('while the node rolls back, goes on with it', async () => {
    const vmid = guests.rolling;
    await snapshotted(vmid);
    const goOn = await killAt(rollBack(vmid), 'rollback', asked('rollback'));
    await house.restart();
    goOn();
    expect(await rolledBack(vmid)).toMatchObject(back);
  });

  it('of a guest that was stopped, which then fails, leaves that stopped', async () => {
    const vmid = guests.rollStopped;
    await snapshotted(vmid);
    await house.backend.stop(vmid);
    const goOn = await killAt(rollBack(vmid), 'rollback', asked('rollback'));
    house.backend.failRollbackOf(vmid);
    await house.restart();
    goOn();
    const operation = await house.ended(vmid);
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'restore-failed' } });
    expect(operation.error?.hint).toContain(`Guest ${vmid} is stopped as before.`);
    expect(await house.tasks('vzstart', vmid)).toEqual([]);
    expect(await house.isRunning(vmid)).toBe(false);
  });

  it('while the guest starts, does not start it again', async () => {
    const vmid = guests.rollStarting;
    await snapshotted(vmid);
    const goOn = await killAt(rollBack(vmid), 'start', asked('start'));
    await house.restart();
    goOn();
    expect(await rolledBack(vmid)).toMatchObject(back);
  });

  it('while it waits for the guest, goes on waiting', async () => {
    const vmid = guests.rollWaiting;
    await snapshotted(vmid);
    await rollBack(vmid)();
    await expect.poll(() => house.steps(vmid), { timeout: 20_000 }).toContain('started');
    await house.kill();
    await house.restart();
    expect(await rolledBack(vmid)).toMatchObject(back);
  });
});

it('a controller that is killed while a snapshot is taken records it, and claims nothing', async () => {
  const vmid = guests.snapshot;
  await house.connectAgent(vmid);
  const begin = (): Promise<void> => post(vmid, 'snapshots', { before: 'the test' });
  const goOn = await killAt(begin, 'snapshot', 'seen IS NOT NULL');
  await house.restart();
  goOn();
  await house.connectAgent(vmid);
  const operation = await house.ended(vmid);
  expect(operation).toMatchObject({
    kind: 'snapshot',
    state: 'succeeded',
    snapshot: { name: 'before-the-test', before: 'the test', verdict: { consistency: 'unknown' } },
  });
  await expect.poll(() => house.quiesce(vmid).isHeld).toBe(false);
  expect(await house.tasks('vzsnapshot', vmid)).toHaveLength(1);
});

describe('a controller that is killed during a drill leaves no scratch guest behind', () => {
  const vmid = guests.drilled;
  const drill = (): Promise<void> => post(vmid, 'drills', {});

  beforeAll(() => backedUp(vmid));

  const over = {
    kind: 'drill',
    state: 'failed',
    error: { retryable: true, message: /nothing of it is left/ },
  };

  async function cleanedUp(scratch: number): Promise<Operation> {
    const operation = await house.ended(vmid);
    expect(() => house.backend.state(scratch)).toThrow(`no guest ${scratch}`);
    expect(await house.isRunning(vmid)).toBe(true);
    const [backup] = await house.backups(vmid);
    // It has shown nothing of the backup.
    expect(backup?.drill).toBeUndefined();
    return operation;
  }

  it.each(['restore', 'start'] as const)('at %s', async (stage) => {
    const goOn = await killAt(drill, stage, asked(stage));
    await house.restart();
    goOn();
    expect(await cleanedUp(900)).toMatchObject(over);
  });

  it('while it waits for the guest', async () => {
    await drill();
    await expect.poll(() => house.isRunning(900), { timeout: 20_000 }).toBe(true);
    await house.kill();
    await house.restart();
    expect(await cleanedUp(900)).toMatchObject(over);
    expect(await house.tasks('vzdestroy', 900)).toHaveLength(3);
  });

  it('while that is destroyed', async () => {
    const gate = house.backend.close('destroy');
    await drill();
    await expect.poll(() => house.isRunning(900), { timeout: 20_000 }).toBe(true);
    await house.connectAgent(900, vmid);
    await gate.reached;
    await house.written(asked('destroy'));
    await house.kill();
    await house.restart();
    gate.open();
    expect(await cleanedUp(900)).toMatchObject(over);
  });
});

describe('a scheduled drill whose controller is killed in its middle', () => {
  const vmid = guests.drilled;
  const path = '/api/v1/schedules/drills';

  const runs = async () =>
    (await (await house.api()).expect(scheduleRunListSchema, 'GET', `${path}/runs`)).runs;

  it('leaves no scratch guest, is no proof, and has the next turn', async () => {
    const api = await house.api();
    await api.expect(scheduleViewSchema, 'PUT', path, {
      name: 'drills',
      action: 'drill',
      guests: { include: { vmids: [guests.snapshot, vmid] } },
      when: { event: 'yearly', timeZone: 'UTC' },
    });
    const run = async (): Promise<void> => {
      expect((await (await house.api()).call('POST', `${path}/runs`, {})).status).toBe(202);
    };
    const goOn = await killAt(run, 'restore', asked('restore'));
    await house.restart();
    goOn();
    await expect
      .poll(async () => (await runs()).map(({ state }) => state), { timeout: 20_000 })
      .toEqual(['failed']);
    const [killed] = await runs();
    expect(killed).toMatchObject({ vmid, action: 'drill', message: expect.stringContaining('restarted') });
    expect(await house.ended(vmid)).toMatchObject({
      id: killed?.operationId,
      kind: 'drill',
      state: 'failed',
    });
    expect(() => house.backend.state(900)).toThrow('no guest 900');
    await run();
    await expect.poll(() => house.isRunning(900), { timeout: 20_000 }).toBe(true);
    await house.connectAgent(900, vmid);
    await expect
      .poll(async () => (await runs()).map(({ state }) => state), { timeout: 20_000 })
      .toEqual(['succeeded', 'failed']);
    expect((await runs())[0]?.message).toMatch(/^restorable, ready after/);
    expect(() => house.backend.state(900)).toThrow('no guest 900');
    expect((await house.backups(vmid))[0]?.drill).toMatchObject({ outcome: 'proven' });
  });
});
