import type { Clock } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { hashSecret, newSecret, secretMatches } from '../secrets.ts';

const OPEN_MS = 24 * 3_600_000;

/** The way in while nobody has an account: a secret that is printed at the start, and is nowhere but in memory. */
export class SetupDoor {
  readonly #clock: Clock;
  #key: { readonly hash: string; readonly expiresAt: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns the secret; the one before is worth nothing. */
  open(): string {
    const secret = newSecret();
    this.#key = { hash: hashSecret(secret), expiresAt: this.#clock.now() + OPEN_MS };
    return secret;
  }

  close(): void {
    this.#key = undefined;
  }

  /** @throws Failure `unauthorized` */
  check(secret: string): void {
    const key = this.#key;
    if (key !== undefined && this.#clock.now() < key.expiresAt && secretMatches(secret, key.hash)) return;
    throw new Failure('unauthorized', 'this is not the link that the controller printed', {
      hint: 'It is good for a day, and until the next start: restart the controller, and take the link that it prints then.',
    });
  }
}
