import {
  isSealedFile,
  type KeyRing,
  loadKeyFile,
  type Owner,
  ownerOf,
  readKeyFile,
} from '@tacet/runtime/sealing';
import type { Request } from './request.ts';
import type { Wish } from './wish.ts';

/** Where `tacet setup` puts the key, and where a controller has it that was told of no other place. */
const USUAL_KEY_FILES = ['/etc/tacet/controller.key', '/var/lib/tacet-controller.key'];

/**
 * What the secrets are sealed with: the key file that was named, made where there is none, or a usual one where it
 * is there. Undefined: the secrets are written in clear, and the controller seals them when it starts.
 *
 * @throws TacetError `invalid-input`
 */
export async function keysFor(request: Request, wish: Wish): Promise<KeyRing | undefined> {
  const { keyFile, secrets, mode, dryRun } = request;
  const owner = await ownerOfSecrets(secrets);
  const owners = [owner.uid, process.geteuid?.() ?? owner.uid];
  if (keyFile === undefined) return await usualKeys(owners);
  if (dryRun) return await readKeyFile(keyFile, { owners });
  const sealed = mode === 'rotate' ? [] : await sealedOf(wish);
  const neededFor = sealed.length === 0 ? undefined : `${sealed.join(', ')} cannot be opened without it`;
  return await loadKeyFile(keyFile, { owners, giveTo: owner, neededFor });
}

async function usualKeys(owners: readonly number[]): Promise<KeyRing | undefined> {
  for (const path of USUAL_KEY_FILES) {
    const keys = await readKeyFile(path, { owners });
    if (keys !== undefined) return keys;
  }
  return undefined;
}

async function sealedOf({ tokens }: Wish): Promise<string[]> {
  const sealed: string[] = [];
  for (const { secretFile } of tokens) if (await isSealedFile({ path: secretFile })) sealed.push(secretFile);
  return sealed;
}

/** The controller's user, who must be able to read the key as well. */
async function ownerOfSecrets(directory: string): Promise<Owner> {
  try {
    return await ownerOf(directory);
  } catch {
    // Not there yet: it will be made by who runs this.
    return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  }
}
