import { describe, expect, it } from 'vitest';
import { type GuardKey, LoginGuard } from './login-guard.ts';

const account: GuardKey = 'account:anna';
const address: GuardKey = 'address:192.0.2.1';
const minute = 60_000;

function failTimes(guard: LoginGuard, times: number, keys: GuardKey[], now = 0): void {
  for (let n = 0; n < times; n += 1) guard.failed(keys, now);
}

describe('failed logins', () => {
  it('cost nothing a few times, then longer and longer, and never more than a quarter of an hour', () => {
    const guard = new LoginGuard();
    const waits = Array.from({ length: 20 }, () => {
      guard.failed([account], 0);
      return guard.waitMs([account], 0) / 1000;
    });
    expect(waits.slice(0, 9)).toEqual([0, 0, 0, 0, 5, 10, 20, 40, 80]);
    expect(waits.at(-1)).toBe(900);
  });

  it('are over when the time is, and forgotten after an hour without another', () => {
    const guard = new LoginGuard();
    failTimes(guard, 5, [account]);
    expect(guard.waitMs([account], 4_999)).toBe(1);
    expect(guard.waitMs([account], 5_000)).toBe(0);
    guard.failed([account], 60 * minute);
    expect(guard.waitMs([account], 60 * minute)).toBe(0);
  });

  it('block the address from which many accounts are tried', () => {
    const guard = new LoginGuard();
    for (let n = 0; n < 10; n += 1) guard.failed([`account:guess${n}`, address], 0);
    expect(guard.waitMs([account, address], 0)).toBe(5_000);
    expect(guard.waitMs([account, 'address:192.0.2.2'], 0)).toBe(0);
  });

  it('block the account that is tried from many addresses, until its owner has signed in', () => {
    const guard = new LoginGuard();
    for (let n = 0; n < 6; n += 1) guard.failed([account, `address:192.0.2.${n}`], 0);
    expect(guard.waitMs([account], 0)).toBe(10_000);
    guard.succeeded(account);
    expect(guard.waitMs([account], 0)).toBe(0);
  });

  it('fill no memory: the oldest go', () => {
    const guard = new LoginGuard();
    failTimes(guard, 10, [account]);
    for (let n = 0; n < 10_000; n += 1) guard.failed([`account:${n}`], 1);
    expect(guard.waitMs([account], 1)).toBe(0);
    failTimes(guard, 4, ['account:9999'], 1);
    expect(guard.waitMs(['account:9999'], 1)).toBe(5_000);
  });
});
