import { describe, expect, it } from 'vitest';
import { grantLease, leaseLeftMs, renewLease } from './lease.ts';

describe('a lease', () => {
  it('gives what was wanted, below the ceiling', () => {
    expect(leaseLeftMs(grantLease(1000, 500, 10_000), 1000)).toBe(500);
  });

  it('is cut at the ceiling, whoever asks', () => {
    expect(leaseLeftMs(grantLease(1000, 60_000, 10_000), 1000)).toBe(10_000);
  });

  it('is renewed from now, never beyond the ceiling of the first grant', () => {
    const lease = grantLease(0, 1000, 2500);
    const renewed = renewLease(lease, 900, 1000);
    expect(renewed?.expiresAt).toBe(1900);
    expect(renewed && renewLease(renewed, 1800, 1000)?.expiresAt).toBe(2500);
  });

  it('is not shortened by a renewal', () => {
    expect(renewLease(grantLease(0, 1000, 5000), 100, 10)?.expiresAt).toBe(1000);
  });

  it('cannot be revived once it has expired, also when the guest was frozen beyond its end', () => {
    const lease = grantLease(0, 1000, 5000);
    expect(leaseLeftMs(lease, 61_000)).toBe(0);
    expect(renewLease(lease, 1000, 1000)).toBeUndefined();
    expect(renewLease(lease, 61_000, 1000)).toBeUndefined();
  });
});
