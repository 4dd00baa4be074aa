import { createHash } from 'node:crypto';
import type { LoginInfo, Role } from '@tacet/protocol';
import { type Clock, deferred, type Logger, orAborted } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import type { Store } from '../store/open-store.ts';
import { PasswordCheck } from './password-check.ts';
import { hashPassword } from './password-hash.ts';
import type { Principal } from './principal.ts';
import { SetupDoor } from './setup-door.ts';

export interface AccessOptions {
  readonly store: Pick<Store, 'accounts' | 'apiTokens' | 'logins'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: {
    /** A login that nobody uses for so long has ended. */
    readonly loginIdleMs: number;
    /** And in any case after so long. */
    readonly loginMaxMs: number;
  };
}

/** A login that has just begun; the secret goes into the browser's cookie and is kept nowhere. */
export interface NewLogin {
  readonly secret: string;
  readonly info: LoginInfo;
}

/** Between two times that a use is written down. */
const MAX_NOTE_MS = 60_000;
const TOKEN_PREFIX = 'tacet_';

/** Who may come in: accounts with their logins, and API tokens. */
export class Access implements AsyncDisposable {
  readonly #options: AccessOptions;
  readonly #passwords: PasswordCheck;
  readonly #door: SetupDoor;
  #change = deferred();

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#passwords = new PasswordCheck(options.store.accounts, options.clock);
    this.#door = new SetupDoor(options.clock);
  }

  async isSetUp(): Promise<boolean> {
    return await this.#options.store.accounts.any();
  }

  async isAccount(name: string): Promise<boolean> {
    return (await this.#options.store.accounts.get(name)) !== undefined;
  }

  /** The secret with which the first account can be made; undefined where there is one. */
  async openSetup(): Promise<string | undefined> {
    return (await this.isSetUp()) ? undefined : this.#door.open();
  }

  /** @throws Failure `conflict` once there is an account, `unauthorized`; TooManyRequests */
  async setUp(
    request: { token: string; name: string; password: string },
    address: string,
  ): Promise<NewLogin> {
    const { store, clock } = this.#options;
    const { token, name, password } = request;
    if (await this.isSetUp()) throw alreadySetUp();
    this.#passwords.refuseWhileBlocked(address);
    try {
      this.#door.check(token);
    } catch (error) {
      this.#passwords.failed(address);
      throw error;
    }
    const passwordHash = await hashPassword(password);
    const account = { name, role: 'admin', passwordHash, now: clock.now() } as const;
    if (!(await store.accounts.create(account, { first: true }))) throw alreadySetUp();
    this.#door.close();
    return await this.#newLogin(name, 'admin');
  }

  /** @throws Failure `unauthorized`; TooManyRequests */
  async logIn(name: string, password: string, address: string): Promise<NewLogin> {
    const { store } = this.#options;
    await this.#passwords.check(name, password, address);
    const account = await store.accounts.get(name);
    if (account === undefined) throw new Failure('unauthorized', 'the account was removed just now');
    return await this.logInAs(name, account.role);
  }

  /** Of an account whose it is has been proven already. */
  async logInAs(name: string, role: Role): Promise<NewLogin> {
    const { store, clock, limits } = this.#options;
    const now = clock.now();
    const ended = { createdAt: now - limits.loginMaxMs, usedAt: now - limits.loginIdleMs };
    await this.#note(store.logins.removeOlder(ended));
    await this.#note(store.accounts.loggedIn(name, now));
    return await this.#newLogin(name, role);
  }

  async logOut({ secretHash }: Principal): Promise<void> {
    await this.#options.store.logins.remove(secretHash);
    this.changed();
  }

  /** Of one's own account; every other login of it ends. @throws as `logIn` */
  async changePassword(
    principal: Principal,
    change: { current: string; next: string },
    address: string,
  ): Promise<void> {
    const { accounts, logins } = this.#options.store;
    const { name, secretHash } = principal;
    await this.#passwords.check(name, change.current, address);
    await accounts.setPassword(name, await hashPassword(change.next));
    await logins.removeOf(name, secretHash);
    this.changed();
  }

  /** Whose cookie this is. @param use false for a look that shall not keep the login alive */
  async byCookie(secret: string, { use }: { use: boolean }): Promise<Principal | undefined> {
    return await this.#byLogin(hashSecret(secret), use);
  }

  async byToken(secret: string): Promise<Principal | undefined> {
    const { store, clock } = this.#options;
    const secretHash = hashSecret(secret);
    const token = await store.apiTokens.byHash(secretHash);
    const now = clock.now();
    if (token === undefined || (token.expiresAt !== null && token.expiresAt <= now)) return undefined;
    if (token.lastUsedAt === null || now - token.lastUsedAt >= MAX_NOTE_MS) {
      await this.#note(store.apiTokens.used(secretHash, now));
    }
    return { kind: 'token', name: token.name, role: token.role, secretHash };
  }

  /** Whether who came in may still be here, as what they were: for answers that go on and on. */
  async isStill({ kind, secretHash, role }: Principal): Promise<boolean> {
    const { store, clock } = this.#options;
    if (kind === 'account') return (await this.#byLogin(secretHash, false))?.role === role;
    const token = await store.apiTokens.byHash(secretHash);
    return token?.role === role && (token.expiresAt === null || token.expiresAt > clock.now());
  }

  /** What a browser needs to know of its own login. */
  infoOf(secret: string, { name, role }: Principal): LoginInfo {
    return { account: { name, role }, csrfToken: csrfTokenOf(secret) };
  }

  /** A new token's secret. @throws Failure `conflict` where the name is taken */
  async makeToken(token: { name: string; role: Role; expiresAt: number | null }): Promise<string> {
    const { store, clock } = this.#options;
    const secret = `${TOKEN_PREFIX}${newSecret()}`;
    const made = await store.apiTokens.create({ ...token, hash: hashSecret(secret), now: clock.now() });
    if (!made) throw new Failure('conflict', `there is an API token ${token.name} already`);
    return secret;
  }

  /** To be called when somebody may do less than before: who is here is looked at again. */
  changed(): void {
    this.#change.resolve();
    this.#change = deferred();
  }

  async nextChange(signal: AbortSignal): Promise<void> {
    await orAborted(this.#change.promise, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#passwords[Symbol.asyncDispose]();
  }

  /** A full disk must not keep out those who may come in. */
  async #note(write: Promise<void>): Promise<void> {
    try {
      await write;
    } catch (error) {
      this.#options.log.warn('a use of a login or a token could not be written down', { error });
    }
  }

  async #newLogin(name: string, role: Role): Promise<NewLogin> {
    const { store, clock } = this.#options;
    const secret = newSecret();
    await store.logins.create(name, hashSecret(secret), clock.now());
    return { secret, info: { account: { name, role }, csrfToken: csrfTokenOf(secret) } };
  }

  async #byLogin(secretHash: string, use: boolean): Promise<Principal | undefined> {
    const { store, clock, limits } = this.#options;
    const login = await store.logins.get(secretHash);
    if (login === undefined) return undefined;
    const now = clock.now();
    const { account, role, createdAt, usedAt } = login;
    if (now >= createdAt + limits.loginMaxMs || now >= usedAt + limits.loginIdleMs) {
      await this.#note(store.logins.remove(secretHash));
      return undefined;
    }
    // Not at every request: each write waits for the disk.
    if (use && now - usedAt >= Math.min(MAX_NOTE_MS, limits.loginIdleMs / 10)) {
      await this.#note(store.logins.used(secretHash, now));
    }
    return { kind: 'account', name: account, role, secretHash };
  }
}

/** From the cookie, which no script can read, so that nothing has to be kept for it; one way only. */
export function csrfTokenOf(secret: string): string {
  return createHash('sha256').update(`csrf:${secret}`).digest('base64url');
}

function alreadySetUp(): Failure {
  return new Failure('conflict', 'this controller has an account already', {
    hint: 'Sign in with it, or have its admin make another account.',
  });
}
