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
});
