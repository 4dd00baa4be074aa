import type { KeyRing } from '@tacet/runtime/sealing';
import { z } from 'zod';
import type { Secrets } from './channels/secrets.ts';

const secretsSchema = z.record(z.string(), z.string());

/** The secrets of a channel as they lie in the store: sealed for its name, so that no other channel opens them. */
export function sealSecrets(keys: KeyRing, channel: string, secrets: Secrets): string {
  return keys.seal(purposeOf(channel), JSON.stringify(secrets));
}

/** Undefined where the key is another one, or they were damaged. */
export function openSecrets(
  keys: KeyRing,
  channel: string,
  sealed: string,
): { readonly secrets: Secrets; readonly isCurrent: boolean } | undefined {
  const unsealed = keys.unseal(purposeOf(channel), sealed);
  if (unsealed.kind !== 'opened') return undefined;
  const { text, isCurrent } = unsealed;
  return { secrets: secretsSchema.parse(JSON.parse(text)), isCurrent };
}

function purposeOf(channel: string): string {
  return `notification-channel ${channel}`;
}
