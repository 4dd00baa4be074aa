import { type Operation, operationSchema } from '@tacet/protocol';
import { deferred } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RecoveryHouse } from './recovery-house.ts';

/** One for each test: none has to do with what another left behind. */
const guests = { prepare: 101, rehearsal: 102, held: 103, stopped: 104, made: 105 } as const;

let house: RecoveryHouse;
beforeAll(async () => {
  house = await RecoveryHouse.open(Object.values(guests));
});
afterAll(() => house[Symbol.asyncDispose]());

async function start(vmid: number, what: 'backups' | 'rehearsals'): Promise<Operation> {
  await house.connectAgent(vmid);
  const body = what === 'backups' ? {} : undefined;
  return await (await house.api()).expect(operationSchema, 'POST', `/api/v1/guests/${vmid}/${what}`, body);
}

/** Resolves when the controller has said that it takes it. */
async function cancel(vmid: number): Promise<void> {
  const [operation] = await house.operations(vmid);
  const path = `/api/v1/operations/${operation?.id}/cancellation`;
  await (await house.api()).expect(operationSchema, 'POST', path);
}

/** The guest hears first of a cancel; the controller dies there, and has asked the node for nothing since. */
function killAtThaw(vmid: number): { accepted: () => void; killed: Promise<void> } {
  const [accepted, killed] = [deferred(), deferred()];
  const quiesce = house.quiesce(vmid);
  const { before } = quiesce;
  quiesce.before = async (method) => {
    if (method !== 'thaw') return await before(method);
    quiesce.before = () => undefined;
    await accepted.promise;
    await house.kill();
    killed.resolve();
  };
  return { accepted: accepted.resolve, killed: killed.promise };
}

/** The archive is being written, and the node has not answered that it should stop. @returns what lets it go on */
async function killWhileItStops(vmid: number): Promise<ReturnType<typeof house.backend.close>> {
  const gate = house.backend.close('archive');
  await start(vmid, 'backups');
  await gate.reached;
  await house.written("json_extract(seen, '$.thaw.thawed') IS 1");
  house.sim.setFault('pve1', 'daemon-hung');
  await cancel(vmid);
  await house.requestHangs();
  await house.kill();
  return gate;
}

/** Its agent comes back, and nothing is held, long before the end of its lease. */
async function settled(vmid: number): Promise<Operation> {
  await house.connectAgent(vmid);
  const operation = await house.ended(vmid);
  await expect.poll(() => house.quiesce(vmid).isHeld).toBe(false);
  const names = operation.steps.map(({ name }) => name);
  expect(names.filter((name) => name === 'cancel-asked')).toHaveLength(1);
  expect(names.indexOf('cancel-asked')).toBeLessThan(names.indexOf('resumed'));
  expect(operation.cancellable).toBeUndefined();
  return operation;
}

const cancelled = {
  state: 'failed',
  backup: null,
  error: { code: 'cancelled', message: expect.stringMatching(/cancelled by \w+/) },
};

describe('a controller that is killed when it has taken a cancel', () => {
  it.each([
    ['prepare', 'backups'],
    ['rehearsal', 'rehearsals'],
  ] as const)('before the node was asked, ends it as cancelled: %s', async (which, what) => {
    const vmid = guests[which];
    house.quiesce(vmid).before = async (method) => {
      if (method !== 'prepare') return;
      await cancel(vmid);
      accepted();
    };
    const { accepted, killed } = killAtThaw(vmid);
    await start(vmid, what);
    await killed;
    await house.restart();
    expect(await settled(vmid)).toMatchObject(cancelled);
    expect(await house.tasks('vzdump', vmid)).toEqual([]);
  });

  it('while the guest is held for its snapshot, thaws, and has the node stop', async () => {
    const vmid = guests.held;
    const gate = house.backend.close('snapshot');
    await start(vmid, 'backups');
    await gate.reached;
    await house.written('seen IS NOT NULL');
    const { accepted, killed } = killAtThaw(vmid);
    await cancel(vmid);
    accepted();
    await killed;
    expect(house.quiesce(vmid).isHeld).toBe(true);
    expect(await house.tasks('vzdump', vmid)).toMatchObject([{ running: true }]);
    await house.restart();
    const operation = await settled(vmid);
    expect(operation).toMatchObject(cancelled);
    expect(operation.error?.message).toContain('the node stopped it');
    expect(operation.steps.map(({ name }) => name)).toContain('cancelling');
    expect(await house.tasks('vzdump', vmid)).toHaveLength(1);
    expect(await house.backups(vmid)).toEqual([]);
    gate.open();
  });

  it('and whose node has stopped the task meanwhile, knows why', async () => {
    const vmid = guests.stopped;
    const gate = await killWhileItStops(vmid);
    house.sim.setFault('pve1', undefined);
    const [task] = await house.tasks('vzdump', vmid);
    house.sim.killWorker(task?.upid ?? '');
    await expect.poll(async () => (await house.tasks('vzdump', vmid))[0]?.running).toBe(false);
    await house.restart();
    expect(await settled(vmid)).toMatchObject(cancelled);
    expect(await house.backups(vmid)).toEqual([]);
    gate.open();
  });

  it('and whose node has made the backup meanwhile, keeps it with the proof that was seen', async () => {
    const vmid = guests.made;
    const gate = await killWhileItStops(vmid);
    gate.open();
    await expect.poll(async () => (await house.tasks('vzdump', vmid))[0]?.running).toBe(false);
    house.sim.setFault('pve1', undefined);
    await house.restart();
    expect(await settled(vmid)).toMatchObject({
      state: 'succeeded',
      error: null,
      backup: { verdict: { consistency: 'app', reason: 'HoldSpansSnapshot' } },
    });
  });
});
