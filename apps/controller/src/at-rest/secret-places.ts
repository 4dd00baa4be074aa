import { join } from 'node:path';
import { type SecretFile, tokenSecretFile } from '@tacet/runtime/sealing';
import type { OidcConfig } from '../access/oidc-config.ts';
import type { ControllerConfig } from '../config.ts';

export function tlsKeyFile(stateDir: string): SecretFile {
  return {
    path: join(stateDir, 'controller.key'),
    purpose: 'controller-tls-key',
    ifLost: 'move controller.key and controller.crt away, and enrol every guest again.',
  };
}

/** Undefined where the provider asks for none. */
export function oidcSecretFile({ clientId, clientSecretFile: path }: OidcConfig): SecretFile | undefined {
  if (path === undefined) return undefined;
  return {
    path,
    purpose: `oidc-client ${clientId}`,
    ifLost: `make a new secret for ${clientId} at the OpenID provider, and write it there.`,
  };
}

/** Every file with a secret that this controller must be able to use again. Some may not be there yet. */
export function secretFilesOf({ stateDir, nodes, oidc }: ControllerConfig): SecretFile[] {
  const tokens = nodes.flatMap(({ backupToken, guestTokens, restoreToken }) =>
    [backupToken, ...Object.values(guestTokens), restoreToken].flatMap((token) =>
      token === undefined ? [] : [tokenSecretFile(token.secretFile, token.id)],
    ),
  );
  const client = oidc && oidcSecretFile(oidc);
  return [tlsKeyFile(stateDir), ...tokens, ...(client === undefined ? [] : [client])];
}
