import { realpath } from 'node:fs/promises';
import { TacetError } from '../errors.ts';
import { readPrivately } from './key-file.ts';
import { isSealed, type KeyRing } from './key-ring.ts';
import { ownerOf, replaceFile } from './replace-file.ts';

/** A file that holds one secret, in clear or sealed, and nothing else. */
export interface SecretFile {
  readonly path: string;
  /** What the secret is for: sealed for one purpose it opens for no other. */
  readonly purpose: string;
  /** What a person can do when it cannot be opened any more. */
  readonly ifLost: string;
}

export interface FoundSecret {
  readonly secret: string;
  /** `older`: sealed, with a key that seals nothing any more. */
  readonly state: 'sealed' | 'older' | 'plain';
}

/**
 * Undefined where there is no file.
 *
 * @param keys undefined where none is known: then only a plain one can be read
 * @throws TacetError `invalid-input` for a file that others may read, that is empty, or does not open
 */
export async function readSecretFile(
  { path, purpose, ifLost }: SecretFile,
  keys: KeyRing | undefined,
): Promise<FoundSecret | undefined> {
  const found = await readPrivately(path, 'secret file', 0o077);
  if (found === undefined) return undefined;
  if (!isSealed(found.text)) return { secret: found.text, state: 'plain' };
  const refused = (message: string, hint: string): TacetError =>
    new TacetError(`the secret file ${path} ${message}`, { code: 'invalid-input', hint });
  if (keys === undefined) {
    throw refused('is sealed, and the key is not known here', 'Name it: --key-file FILE.');
  }
  const unsealed = keys.unseal(purpose, found.text);
  switch (unsealed.kind) {
    case 'opened':
      return { secret: unsealed.text, state: unsealed.isCurrent ? 'sealed' : 'older' };
    case 'other-key':
      throw refused(
        `is sealed with another key (${unsealed.id}) than the one here (${keys.ids.join(', ')})`,
        `Bring that key file back from your backup. If it is lost: ${ifLost}`,
      );
    case 'damaged':
      throw refused(
        'does not open: it was damaged, or sealed for something else',
        `Bring it back from your backup. Without one: ${ifLost}`,
      );
  }
}

/** Replaces what is in it by the sealed secret; a link stays a link, and its owner stays. */
export async function sealSecretFile(
  { path, purpose }: SecretFile,
  secret: string,
  keys: KeyRing,
): Promise<void> {
  const target = await realpath(path);
  await replaceFile(target, `${keys.seal(purpose, secret)}\n`, await ownerOf(target));
}

/** Whether it is there and sealed, with whatever key. */
export async function isSealedFile({ path }: Pick<SecretFile, 'path'>): Promise<boolean> {
  const found = await readPrivately(path, 'secret file', 0o077);
  return found !== undefined && isSealed(found.text);
}
