import { grantLease, type Lease, leaseLeftMs, renewLease } from '@tacet/core';
import type { Clock } from '@tacet/runtime';
import type { LeaseRecord } from '../journal/schemas.ts';

/**
 * The dead man's switch: unless it is ended, `onExpired` runs when the lease runs out. Measured on the
 * monotonic clock, which cannot be set, and which has moved on by the whole freeze when the guest wakes up.
 */
export class HeldLease {
  readonly #clock: Clock;
  readonly #onExpired: () => void;
  readonly #ended = new AbortController();
  #lease: Lease;

  constructor(clock: Clock, wantedMs: number, ceilingMs: number, onExpired: () => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
    this.#lease = grantLease(clock.monotonicMs(), wantedMs, ceilingMs);
    void this.#watch();
  }

  get leftMs(): number {
    return leaseLeftMs(this.#lease, this.#clock.monotonicMs());
  }

  /** False when it has expired. */
  renew(wantedMs: number): boolean {
    const renewed = renewLease(this.#lease, this.#clock.monotonicMs(), wantedMs);
    if (renewed) this.#lease = renewed;
    return renewed !== undefined;
  }

  /** By the wall clock, for the journal. */
  get record(): LeaseRecord {
    const offset = this.#clock.now() - this.#clock.monotonicMs();
    const { grantedAt, expiresAt, ceilingAt } = this.#lease;
    return {
      grantedAt: Math.round(grantedAt + offset),
      expiresAt: Math.round(expiresAt + offset),
      ceilingAt: Math.round(ceilingAt + offset),
    };
  }

  end(): void {
    this.#ended.abort();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ended;
    // A renewal moves the end while this sleeps.
    while (!signal.aborted && this.leftMs > 0) {
      await this.#clock.sleep(this.leftMs, signal).catch(() => undefined); // ended: nothing is owed
    }
    if (!signal.aborted) this.#onExpired();
  }
}
