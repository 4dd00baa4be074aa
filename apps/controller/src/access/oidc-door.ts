import type { Clock, Logger } from '@tacet/runtime';
import { randomNonce, randomPKCECodeVerifier, randomState } from 'openid-client';
import { z } from 'zod';
import { oidcSecretFile } from '../at-rest/secret-places.ts';
import type { Vault } from '../at-rest/vault.ts';
import { hashSecret, secretMatches } from '../secrets.ts';
import type { Store } from '../store/open-store.ts';
import type { Access, NewLogin } from './access.ts';
import { addressGroup } from './client-address.ts';
import { type GuardKey, LoginGuard } from './login-guard.ts';
import { accountNameOf, type OidcConfig, roleOf } from './oidc-config.ts';
import { OidcProvider } from './oidc-provider.ts';
import { SignInRefused } from './sign-in-refused.ts';

export const oidcCallbackPath = '/api/v1/session/oidc/callback';

export interface OidcDoorOptions {
  readonly config: OidcConfig;
  readonly access: Access;
  readonly store: Pick<Store, 'accounts'>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Logger;
  /** `https://host:port` as browsers write it. */
  readonly origin: () => string;
}

const flowSchema = z.object({
  state: z.string().min(1),
  nonce: z.string().min(1),
  verifier: z.string().min(1),
  /** Milliseconds since 1970. */
  until: z.number(),
});

/** For typing a password, and for a second factor that has to be looked for. */
export const FLOW_MS = 10 * 60_000;

/** Undefined where none is configured. */
export async function openOidc(
  { oidc: config }: { readonly oidc?: OidcConfig | undefined },
  options: Omit<OidcDoorOptions, 'config'>,
): Promise<OidcDoor | undefined> {
  return config && (await OidcDoor.open({ ...options, config }));
}

/** The way in of people for whom an OpenID provider vouches. */
export class OidcDoor implements AsyncDisposable {
  readonly #options: OidcDoorOptions;
  readonly #provider: OidcProvider;
  readonly #guard = new LoginGuard();

  private constructor(options: OidcDoorOptions, provider: OidcProvider) {
    this.#options = options;
    this.#provider = provider;
  }

  static async open(options: OidcDoorOptions): Promise<OidcDoor> {
    const { config, vault, clock } = options;
    const file = oidcSecretFile(config);
    const secret = file === undefined ? undefined : await vault.read(file);
    return new OidcDoor(options, await OidcProvider.open(config, secret, clock));
  }

  get name(): string {
    return this.#options.config.name;
  }

  /** @returns where the browser goes, and what it shall keep until it comes back. @throws SignInRefused */
  async begin(): Promise<{ url: URL; kept: string }> {
    const flow = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
    const url = await this.#provider.authorizationUrl(flow, this.#redirectUri());
    const until = this.#options.clock.now() + FLOW_MS;
    return { url, kept: Buffer.from(JSON.stringify({ ...flow, until })).toString('base64url') };
  }

  /**
   * @param query what the provider has sent the browser back with
   * @param kept what the browser has kept; undefined where it has nothing
   * @throws SignInRefused
   */
  async finish(query: string, kept: string | undefined, address: string): Promise<NewLogin> {
    const { config, access, store, clock, log } = this.#options;
    const keys: GuardKey[] = [`address:${addressGroup(address)}`];
    if (this.#guard.waitMs(keys, clock.monotonicMs()) > 0) {
      throw new SignInRefused('too-many', 'too many failed logins from there');
    }
    try {
      const answer = new URL(this.#redirectUri());
      answer.search = query;
      const { issuer, subject, claims } = await this.#provider.exchange(answer, this.#flowOf(answer, kept));
      const role = roleOf(claims, config);
      const name = accountNameOf(claims, config);
      if (role === undefined) {
        log.info('somebody without a role was not let in', { issuer, subject, name });
        throw new SignInRefused('no-role', `${name} is in no group that has a role here`);
      }
      const known = await store.accounts.vouchedFor({ issuer, subject, name, role, now: clock.now() });
      if (known.hasChanged) access.changed();
      return await access.logInAs(known.name, role);
    } catch (error) {
      // A provider that is away is nobody's guess.
      const isOurs = error instanceof SignInRefused && error.problem !== 'provider-unreachable';
      if (isOurs) this.#guard.failed(keys, clock.monotonicMs());
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#provider[Symbol.asyncDispose]();
  }

  /** Only the browser that began comes to its end: what it kept names this very answer. */
  #flowOf(answer: URL, kept: string | undefined): z.infer<typeof flowSchema> {
    const flow = flowSchema.safeParse(parsed(kept)).data;
    const state = answer.searchParams.get('state') ?? '';
    if (flow === undefined || !secretMatches(state, hashSecret(flow.state))) {
      throw new SignInRefused('not-begun-here', 'this browser has not begun this login');
    }
    if (this.#options.clock.now() > flow.until)
      throw new SignInRefused('too-late', 'it was begun too long ago');
    return flow;
  }

  #redirectUri(): string {
    return `${this.#options.origin()}${oidcCallbackPath}`;
  }
}

function parsed(kept: string | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(kept ?? '', 'base64url').toString());
  } catch {
    return undefined; // not ours, and so as good as nothing
  }
}
