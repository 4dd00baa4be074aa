/** What is guarded: an account, known or not, or an address. */
export type GuardKey = `account:${string}` | `address:${string}`;

interface Failures {
  readonly count: number;
  readonly lastAt: number;
}

/** Typing errors that cost nothing; an address may be that of a whole household. */
const FREE = { account: 4, address: 9 };
const FIRST_WAIT_MS = 5_000;
const MAX_WAIT_MS = 15 * 60_000;
/** After so long without another failure, all is forgotten. */
const MEMORY_MS = 60 * 60_000;
const MAX_KEYS = 10_000;

/**
 * Failed logins, and how long to wait because of them: after the free ones each doubles the wait, up to a quarter of
 * an hour. What it remembers is bounded; to push one entry out somebody has to fail `MAX_KEYS` times, and passwords are
 * checked one at a time.
 */
export class LoginGuard {
  /** In the order of their last failure. */
  readonly #failures = new Map<GuardKey, Failures>();

  /** Milliseconds until the next try; 0 when it may be made now. */
  waitMs(keys: readonly GuardKey[], now: number): number {
    return Math.max(0, ...keys.map((key) => this.#blockedUntil(key, now) - now));
  }

  failed(keys: readonly GuardKey[], now: number): void {
    for (const key of keys) {
      const count = (this.#known(key, now)?.count ?? 0) + 1;
      this.#failures.delete(key);
      this.#failures.set(key, { count, lastAt: now });
    }
    for (const key of this.#failures.keys()) {
      if (this.#failures.size <= MAX_KEYS) return;
      this.#failures.delete(key);
    }
  }

  /** Of the account only: an address from which somebody guesses may have an account of its own. */
  succeeded(account: GuardKey): void {
    this.#failures.delete(account);
  }

  #blockedUntil(key: GuardKey, now: number): number {
    const failures = this.#known(key, now);
    const free = key.startsWith('account:') ? FREE.account : FREE.address;
    if (failures === undefined || failures.count <= free) return now;
    const waitMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(30, failures.count - free - 1));
    return failures.lastAt + waitMs;
  }

  #known(key: GuardKey, now: number): Failures | undefined {
    const failures = this.#failures.get(key);
    return failures !== undefined && now - failures.lastAt < MEMORY_MS ? failures : undefined;
  }
}
