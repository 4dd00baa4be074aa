import { generateKeyPairSync } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { selfSignedCertificate } from '@tacet/pve-sim';
import type { Undo } from '@tacet/runtime';
import { Provider } from 'oidc-provider';

export const clientId = 'tacet';
export const clientSecret = 'the-secret-of-the-client-at-the-provider';

export interface Client {
  readonly redirectUri: string;
  /** For how long a code is good. */
  readonly codeTtlS?: number;
  /** By the name that somebody types: anything may be typed as the password. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

export interface LocalProvider {
  readonly issuer: string;
  /** Its certificate, in PEM, which is its own CA. */
  readonly ca: string;
  /** From now on it knows this client; before, and without one, it answers nobody. */
  serve(client: Client | undefined): void;
}

/** A certified implementation of OpenID Connect, over TLS, on a port of its own. */
export async function startProvider(undo: Undo): Promise<LocalProvider> {
  const { key, pem } = await selfSignedCertificate('provider', ['127.0.0.1', 'localhost']);
  let listener: RequestListener | undefined;
  const server = createServer({ key, cert: pem }, (request, response) => {
    if (listener === undefined) request.socket.destroy();
    else listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

  return {
    issuer,
    ca: pem,
    serve: (client) => {
      listener = client && listenerOf(issuer, { ...jwk, use: 'sig', alg: 'RS256' }, client);
    },
  };
}

function listenerOf(
  issuer: string,
  jwk: object,
  { redirectUri, codeTtlS = 60, groups }: Client,
): RequestListener {
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    jwks: { keys: [jwk] },
    cookies: { keys: ['only for tests'] },
    claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email'], groups: ['groups'] },
    ttl: { AuthorizationCode: codeTtlS },
    pkce: { required: () => true },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: `subject-of-${id}`, preferred_username: id, groups: [...(groups[id] ?? [])] }),
    }),
  });
  const handle = provider.callback();
  return (request, response) => void handle(request, response);
}
