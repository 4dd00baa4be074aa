import { describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';

describe('systemClock', () => {
  it('sleeps at least as long as asked, by the monotonic clock', async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(20);
    expect(systemClock.monotonicMs() - before).toBeGreaterThan(18);
  });

  it('rejects a cancelled sleep with the reason of its signal, before and during', async () => {
    const reason = new Error('shutting down');
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleep).rejects.toBe(reason);
  });

  it('refuses a delay that a Node timer would turn into none', () => {
    expect(() => systemClock.sleep(2 ** 31)).toThrow(RangeError);
    expect(() => systemClock.sleep(Number.NaN)).toThrow(RangeError);
  });
});
