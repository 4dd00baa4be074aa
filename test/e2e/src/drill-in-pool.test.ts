import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Operation, operationSchema } from '@tacet/protocol';
import type { GuestResource } from '@tacet/proxmox';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DocumentedHouse, openHouse } from './documentation/documented-house.ts';

let undo: Undo;
let house: DocumentedHouse;

beforeEach(async () => {
  undo = new Undo();
  const directory = await mkdtemp(join(tmpdir(), 'tacet-drill-in-pool-'));
  undo.defer(() => rm(directory, { recursive: true }));
  const hook = { socket: join(directory, 'hook.sock'), vzdumpConf: join(directory, 'vzdump.conf') };
  house = await openHouse(undo, { directory, hook, withAgents: true });
});
afterEach(() => undo[Symbol.asyncDispose]());

async function done(path: string): Promise<Operation> {
  const { id } = await house.api.expect(operationSchema, 'POST', `/api/v1/guests/101/${path}`, {});
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await systemClock.sleep(50)) {
    const operation = await house.api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);
    if (operation.state !== 'running') return operation;
  }
  throw new Error('the operation did not end');
}

const scratchGuest = async (): Promise<GuestResource | undefined> =>
  (await house.shell.node.cluster.guests()).find(({ vmid }) => vmid === 9000);

describe('a drill with what tacet pve provision has granted on a pool', () => {
  it('proves a backup, and the next one does too, although its guest took every grant on its VMID along', async () => {
    await done('backups');
    for (const time of ['first', 'second']) {
      const drill = await done('drills');
      expect([time, drill.state, drill.error]).toEqual([time, 'succeeded', null]);
      expect(drill.steps.map(({ name }) => name)).toEqual(expect.arrayContaining(['proven', 'removed']));
    }
    const guests = await house.shell.node.cluster.guests();
    expect(guests.map(({ vmid }) => vmid)).toEqual([101, 102]);
  });

  it('passes over the VMID of a guest that no token sees, as a restore leaves it that was killed', async () => {
    await done('backups');
    const { storage, lxc } = house.shell.node;
    const [backup] = await storage.backups({ node: 'pve1', storage: 'local' }, { vmid: 101 });
    const archive = backup?.volid ?? '';
    await lxc.restore({ node: 'pve1', vmid: 9000, archive, storage: 'local-lvm', overrides: {} });
    const drill = await done('drills');
    expect([drill.state, drill.error]).toEqual(['succeeded', null]);
    expect(drill.steps.map(({ message }) => message)).toContain('scratch guest 9001 is destroyed');
  });

  it('has its scratch guest in the pool, with its tag, while it lasts', async () => {
    await done('backups');
    const drilling = done('drills');
    await expect
      .poll(scratchGuest, { timeout: 30_000, interval: 10 })
      .toMatchObject({ pool: 'tacet-drill', tags: ['tacet-drill'] });
    expect(await drilling).toMatchObject({ state: 'succeeded' });
  });
});
