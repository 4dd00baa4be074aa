import { access, type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type KeyRing, readSecretFile, tokenSecretFile } from '@tacet/runtime/sealing';
import { CliError } from '../cli-error.ts';
import { exitCodes } from '../exit-codes.ts';
import { fullTokenId } from './step.ts';
import type { TokenWish } from './wish.ts';

/** Room for one secret that is not known yet. Leaving its scope without a `write` leaves no trace. */
export interface ReservedSecret extends AsyncDisposable {
  write(secret: string): Promise<void>;
}

/**
 * Makes sure that a secret can be kept before Proxmox VE shows it, which it does once.
 * The file belongs to whoever the directory belongs to: the controller need not be root.
 * @throws CliError
 */
export async function reserveSecret(path: string): Promise<ReservedSecret> {
  const temporary = `${path}.new`;
  let file: FileHandle;
  try {
    const { uid, gid } = await ownerOf(dirname(path));
    await rm(temporary, { force: true });
    // Exclusive: in a directory that others can write to, a link of theirs is not followed.
    file = await open(temporary, 'wx', 0o600);
    if (process.getuid?.() === 0) await file.chown(uid, gid);
    await file.chmod(0o600);
  } catch (cause) {
    throw new CliError(`cannot write ${path}`, exitCodes.failed, {
      code: 'invalid-input',
      hint: 'Run this as who may write there, or name another directory: --secrets DIR.',
      cause,
    });
  }
  return {
    async write(secret) {
      await file.writeFile(`${secret}\n`);
      await file.sync();
      await rename(temporary, path);
    },
    async [Symbol.asyncDispose]() {
      await file.close();
      await rm(temporary, { force: true });
    },
  };
}

async function ownerOf(directory: string): Promise<{ uid: number; gid: number }> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return await stat(directory);
}

/**
 * Undefined when there is no such file.
 * @throws TacetError when it cannot be read, does not open, holds something else, or others may read it: all that the
 *   controller would refuse too
 */
export async function readSecret(
  { secretFile, tokenId }: Pick<TokenWish, 'secretFile' | 'tokenId'>,
  userId: string,
  keys: KeyRing | undefined,
): Promise<string | undefined> {
  const found = await readSecretFile(tokenSecretFile(secretFile, fullTokenId(userId, tokenId)), keys);
  if (found === undefined || /^[\w-]+$/.test(found.secret)) return found?.secret;
  throw new CliError(`${secretFile} does not hold the secret of a token`, exitCodes.failed, {
    code: 'invalid-input',
    hint: 'Make the token anew with --rotate, which replaces the file.',
  });
}

export async function hasSecretFile(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false, // gone, or out of reach: then the step that would remove it says so
  );
}
