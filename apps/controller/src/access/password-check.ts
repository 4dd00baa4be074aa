import { type Clock, ExclusiveRunner } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { Accounts } from '../store/accounts.ts';
import { addressGroup } from './client-address.ts';
import { type GuardKey, LoginGuard } from './login-guard.ts';
import { hashPassword, isOutdated, passwordMatches } from './password-hash.ts';
import { TooManyRequests } from './too-many-requests.ts';

/** Hashing takes a processor: what waits for its turn is bounded, as a whole and for each address. */
const MAX_WAITING = 64;
const MAX_WAITING_PER_ADDRESS = 8;

/** Whether a password is an account's. One at a time, so that many tries at once are no way around the guard. */
export class PasswordCheck implements AsyncDisposable {
  readonly #guard = new LoginGuard();
  readonly #runner = new ExclusiveRunner();
  readonly #waiting = new Map<string, number>();
  readonly #accounts: Accounts;
  readonly #clock: Clock;

  constructor(accounts: Accounts, clock: Clock) {
    this.#accounts = accounts;
    this.#clock = clock;
  }

  /** @throws Failure `unauthorized`, alike for an unknown name and a wrong password; TooManyRequests */
  async check(name: string, password: string, address: string): Promise<void> {
    const from = addressGroup(address);
    await this.#inTurn(from, async () => {
      const account: GuardKey = `account:${name}`;
      const keys: GuardKey[] = [account, `address:${from}`];
      this.#refuseWhileBlocked(keys);
      const stored = (await this.#accounts.get(name))?.passwordHash;
      if (!(await passwordMatches(password, stored))) {
        this.#guard.failed(keys, this.#clock.monotonicMs());
        throw new Failure('unauthorized', 'the name or the password is wrong');
      }
      this.#guard.succeeded(account);
      if (stored !== undefined && isOutdated(stored)) {
        await this.#accounts.setPassword(name, await hashPassword(password));
      }
    });
  }

  /** Something else than a password was wrong: whoever guesses waits all the same. */
  failed(address: string): void {
    this.#guard.failed([`address:${addressGroup(address)}`], this.#clock.monotonicMs());
  }

  refuseWhileBlocked(address: string): void {
    this.#refuseWhileBlocked([`address:${addressGroup(address)}`]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner.close();
  }

  #refuseWhileBlocked(keys: readonly GuardKey[]): void {
    const waitMs = this.#guard.waitMs(keys, this.#clock.monotonicMs());
    if (waitMs > 0) throw new TooManyRequests('too many failed logins', waitMs);
  }

  async #inTurn(from: string, work: () => Promise<void>): Promise<void> {
    const own = this.#waiting.get(from) ?? 0;
    const all = this.#waiting.values().reduce((sum, count) => sum + count, 0);
    if (own >= MAX_WAITING_PER_ADDRESS || all >= MAX_WAITING) {
      throw new TooManyRequests('too many logins at once', 1000);
    }
    this.#waiting.set(from, own + 1);
    try {
      await this.#runner.run('password', work);
    } finally {
      const left = (this.#waiting.get(from) ?? 1) - 1;
      if (left > 0) this.#waiting.set(from, left);
      else this.#waiting.delete(from);
    }
  }
}
