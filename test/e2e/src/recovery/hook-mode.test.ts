import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectFree } from '../hook/expectations.ts';
import { guests, HookHouse } from '../hook/hook-house.ts';

const { single } = guests;

let house: HookHouse;
beforeAll(async () => {
  house = await HookHouse.open();
});
afterAll(() => house[Symbol.asyncDispose]());
beforeEach(() => {
  house.wire.fault = () => undefined;
});

describe('a controller that comes back when the hook script has nothing more to tell', () => {
  it('finds the archive that vzdump made meanwhile, and does not say more of it than it saw', async () => {
    const gate = await house.gateBehind('pre-stop');
    const ended = await house.user.startVzdump({ vmid: single });
    await gate.reached();
    await house.restartController();
    house.wire.fault = () => 'cut';
    await gate.open();
    expect((await ended()).exitstatus).toBe('OK');
    await expect.poll(() => house.backups(), { timeout: 20_000 }).toHaveLength(1);
    const operations = await house.operations();
    expect(operations).toMatchObject([
      {
        state: 'succeeded',
        backup: { origin: 'hook', verdict: { consistency: 'unknown', reason: 'BeginningNotSeen' } },
      },
    ]);
    expect(operations[0]?.steps.map(({ name }) => name)).toContain('found');
    expect(operations[0]?.backup?.sizeBytes).toBeGreaterThan(0);
    await expectFree(house, single);
  });

  it('and had been stopped at backup-end, records the backup once', async () => {
    const before = (await house.backups()).length;
    const gate = await house.gateBehind('post-restart');
    const ended = await house.user.startVzdump({ vmid: single });
    await gate.reached();
    house.sim.setFault('pve1', 'daemon-hung');
    await gate.open();
    // It asks for the archive, to write its verdict into the notes.
    await expect.poll(() => house.sim.hangingCalls('pve1'), { timeout: 20_000 }).toBeGreaterThan(0);
    await house.restartController();
    house.sim.setFault('pve1', undefined);
    expect((await ended()).exitstatus).toBe('OK');
    await expect.poll(async () => (await house.backups()).length, { timeout: 20_000 }).toBe(before + 1);
    const [operation] = await house.operations();
    expect(operation).toMatchObject({
      state: 'succeeded',
      backup: { verdict: { consistency: 'unknown', reason: 'BeginningNotSeen' } },
    });
    const notes = await house.user.notesOf({ volid: operation?.backup?.volid ?? '' });
    expect(notes.match(/^tacet: .*$/gm)).toEqual([expect.stringContaining('unknown-consistent')]);
    await expectFree(house, single);
  });
});
