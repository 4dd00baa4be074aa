import { open } from 'node:fs/promises';
import { Failure } from './failure.ts';

/**
 * The secret in a file of its owner's alone, without the line end an editor leaves behind.
 *
 * @throws Failure `invalid-input` when it cannot be read, is empty, or others may read it.
 */
export async function readSecretFile(path: string): Promise<string> {
  await using file = await open(path, 'r').catch((cause: unknown) => {
    throw new Failure('invalid-input', `cannot read the secret file ${path}`, { cause });
  });
  const { mode } = await file.stat();
  if ((mode & 0o077) !== 0) {
    throw new Failure('invalid-input', `the secret file ${path} can be read by others`, {
      hint: `chmod 600 ${path}`,
    });
  }
  const secret = (await file.readFile('utf8')).trim();
  if (secret === '') throw new Failure('invalid-input', `the secret file ${path} is empty`);
  return secret;
}
