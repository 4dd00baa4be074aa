import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from '../cli-error.ts';
import { exitCodes } from '../exit-codes.ts';

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
 * @throws CliError when it cannot be read, holds something else, or others may read it, which the controller
 *   would refuse too
 */
export async function readSecret(path: string): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new CliError(`cannot read ${path}`, exitCodes.failed, { code: 'invalid-input', cause });
  }
  await using _file = file;
  const { mode } = await file.stat();
  if ((mode & 0o077) !== 0) {
    throw new CliError(`${path} can be read by others`, exitCodes.failed, {
      code: 'invalid-input',
      hint: `chmod 600 ${path}`,
    });
  }
  const secret = (await file.readFile('utf8')).trim();
  if (/^[\w-]+$/.test(secret)) return secret;
  throw new CliError(`${path} does not hold the secret of a token`, exitCodes.failed, {
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
