import { join } from 'node:path';
import { type SecretFile, tokenSecretFile } from '@tacet/runtime/sealing';
import type { ControllerConfig } from '../config.ts';

export function tlsKeyFile(stateDir: string): SecretFile {
  return {
    path: join(stateDir, 'controller.key'),
    purpose: 'controller-tls-key',
    ifLost: 'move controller.key and controller.crt away, and enrol every guest again.',
  };
}

/** Every file with a secret that this controller must be able to use again. Some may not be there yet. */
export function secretFilesOf({ stateDir, nodes }: ControllerConfig): SecretFile[] {
  const tokens = nodes.flatMap(({ backupToken, guestTokens, restoreToken }) =>
    [backupToken, ...Object.values(guestTokens), restoreToken].flatMap((token) =>
      token === undefined ? [] : [tokenSecretFile(token.secretFile, token.id)],
    ),
  );
  return [tlsKeyFile(stateDir), ...tokens];
}
