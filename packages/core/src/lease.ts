/**
 * A lease is time-bounded permission to stay held. Its arithmetic uses a clock that goes on while the guest
 * is frozen (a frozen guest's monotonic clock jumps by exactly the freeze, so both clocks of Linux do).
 */
export interface Lease {
  /** When it was first granted; renewals do not move it. */
  readonly grantedAt: number;
  /** When it ends unless renewed. */
  readonly expiresAt: number;
  /** No renewal reaches beyond this. */
  readonly ceilingAt: number;
}

export function grantLease(now: number, wantedMs: number, ceilingMs: number): Lease {
  const ceilingAt = now + ceilingMs;
  return { grantedAt: now, expiresAt: Math.min(now + wantedMs, ceilingAt), ceilingAt };
}

/** A renewal never shortens a lease, and an expired lease cannot be renewed (undefined). */
export function renewLease(lease: Lease, now: number, wantedMs: number): Lease | undefined {
  if (leaseLeftMs(lease, now) === 0) return undefined;
  return { ...lease, expiresAt: Math.max(lease.expiresAt, Math.min(now + wantedMs, lease.ceilingAt)) };
}

export function leaseLeftMs(lease: Lease, now: number): number {
  return Math.max(0, lease.expiresAt - now);
}
