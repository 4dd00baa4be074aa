import { readFile } from 'node:fs/promises';
import type { Clock } from '@tacet/runtime';
import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  type ClientAuth,
  Configuration,
  type CustomFetch,
  customFetch,
  discovery,
  fetchUserInfo,
  None,
  ResponseBodyError,
} from 'openid-client';
import { Agent, fetch } from 'undici';
import { Failure } from '../failure.ts';
import { hasGroups, type OidcConfig } from './oidc-config.ts';
import { SignInRefused } from './sign-in-refused.ts';

/** What a browser keeps until it comes back from the provider. */
export interface OidcFlow {
  readonly state: string;
  readonly nonce: string;
  /** Of PKCE. */
  readonly verifier: string;
}

export interface Vouched {
  readonly issuer: string;
  readonly subject: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

const TIMEOUT_S = 10;
/** A provider may move its endpoints, and that is no reason for a restart. */
const DISCOVERED_FOR_MS = 3_600_000;

/** The other side of OpenID Connect: authorization code with PKCE, and an ID token whose signature is checked. */
export class OidcProvider implements AsyncDisposable {
  readonly #config: OidcConfig;
  readonly #secret: string | undefined;
  readonly #clock: Clock;
  readonly #agent: Agent;
  #known: { readonly found: Configuration; readonly atMs: number } | undefined;

  private constructor(config: OidcConfig, secret: string | undefined, ca: string | undefined, clock: Clock) {
    this.#config = config;
    this.#secret = secret;
    this.#clock = clock;
    this.#agent = new Agent({ connect: ca === undefined ? {} : { ca } });
  }

  /** Asks nobody yet: a provider that is down must keep nobody from signing in otherwise. */
  static async open(config: OidcConfig, secret: string | undefined, clock: Clock): Promise<OidcProvider> {
    return new OidcProvider(config, secret, await readCa(config.ca), clock);
  }

  /** Where the browser is sent. @throws SignInRefused `provider-unreachable` */
  async authorizationUrl({ state, nonce, verifier }: OidcFlow, redirectUri: string): Promise<URL> {
    return buildAuthorizationUrl(await this.#configuration(), {
      redirect_uri: redirectUri,
      scope: this.#config.scopes.join(' '),
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
  }

  /**
   * Whom the provider vouches for.
   *
   * @param answer the redirect URI with the query that the browser came back with
   * @throws SignInRefused
   */
  async exchange(answer: URL, { state, nonce, verifier }: OidcFlow): Promise<Vouched> {
    const known = await this.#configuration();
    try {
      const tokens = await authorizationCodeGrant(known, answer, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      });
      const idToken = tokens.claims();
      if (idToken === undefined) throw new Error('no ID token came');
      const { iss: issuer, sub: subject } = idToken;
      const isMore =
        !hasGroups(idToken, this.#config) && known.serverMetadata().userinfo_endpoint !== undefined;
      const more = isMore ? await fetchUserInfo(known, tokens.access_token, subject) : {};
      return { issuer, subject, claims: { ...more, ...idToken } };
    } catch (error) {
      throw refusal(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #configuration(): Promise<Configuration> {
    const { issuer, clientId } = this.#config;
    const nowMs = this.#clock.monotonicMs();
    if (this.#known !== undefined && nowMs - this.#known.atMs < DISCOVERED_FOR_MS) return this.#known.found;
    try {
      const options = { [customFetch]: this.#fetch, timeout: TIMEOUT_S };
      const server = (await discovery(new URL(issuer), clientId, {}, None(), options)).serverMetadata();
      const found = new Configuration(
        server,
        clientId,
        {},
        clientAuth(this.#secret, server.token_endpoint_auth_methods_supported),
      );
      found.timeout = TIMEOUT_S;
      found[customFetch] = this.#fetch;
      this.#known = { found, atMs: nowMs };
      return found;
    } catch (error) {
      throw refusal(error);
    }
  }

  /** Over a connection of our own, which knows whose certificate to take. */
  readonly #fetch: CustomFetch = async (url, { body, ...options }) => {
    const answer = await fetch(url, {
      ...options,
      dispatcher: this.#agent,
      body: body instanceof URLSearchParams ? body.toString() : typeof body === 'string' ? body : null,
    });
    const { status, headers } = answer;
    return new Response(await answer.text(), { status, headers: [...headers] });
  };
}

/** @throws Failure `invalid-input` */
async function readCa(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Failure('invalid-input', `cannot read the CA of the OpenID provider, ${path}`, { cause });
  }
}

/** Basic where the provider says nothing, as OpenID Connect has it. */
function clientAuth(secret: string | undefined, supported: readonly string[] | undefined): ClientAuth {
  if (secret === undefined) return None();
  const isPostOnly =
    supported?.includes('client_secret_post') === true && !supported.includes('client_secret_basic');
  return isPostOnly ? ClientSecretPost(secret) : ClientSecretBasic(secret);
}

function refusal(error: unknown): SignInRefused {
  if (error instanceof AuthorizationResponseError) {
    // What it calls the person's own "no"; anything else is about this controller's registration there.
    return new SignInRefused('provider-refused', `the provider refused: ${error.error.slice(0, 100)}`);
  }
  if (error instanceof ResponseBodyError) {
    // Used twice, or too late; otherwise the provider does not know this controller any more.
    const isLate = error.error === 'invalid_grant';
    return new SignInRefused(
      isLate ? 'too-late' : 'not-proven',
      `the provider did not take the code: ${error.error}`,
    );
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = messagesOf(error);
  // What openid-client found wrong has a code of its own; everything else did not get that far.
  if (code.startsWith('OAUTH_') && !/TIMEOUT|ABORT|RESPONSE_IS_NOT/.test(code)) {
    return new SignInRefused('not-proven', `what the provider answered does not hold: ${why}`);
  }
  return new SignInRefused('provider-unreachable', `the provider does not answer as one: ${why}`);
}

/** Words only: what else such an error carries may be a code or a token. */
function messagesOf(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at instanceof Error && messages.length < 5; at = at.cause) messages.push(at.message);
  return messages.join(': ');
}
