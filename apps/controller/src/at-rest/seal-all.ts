import { TacetError } from '@tacet/runtime';
import { type KeyRing, readSecretFile, replaceKeyFile, sealSecretFile } from '@tacet/runtime/sealing';
import type { ControllerConfig } from '../config.ts';
import { type Environment, findKeys } from './sealing-key.ts';
import { secretFilesOf } from './secret-places.ts';

/**
 * Seals every secret file that the configuration names with today's key, as who may write there.
 *
 * @returns those that were not
 * @throws TacetError `invalid-input`
 */
export async function sealAll(config: ControllerConfig, env: Environment): Promise<string[]> {
  const { keys } = await findKeys(config, env);
  return await sealWith(keys, config);
}

/**
 * Puts a new key before the others, and seals everything with it. The new key is on the disk before anything is
 * sealed with it, and the old ones stay: cut off anywhere, everything opens.
 *
 * @returns the key file, and what is sealed anew
 * @throws TacetError `invalid-input`, before anything was changed where it is about the key
 */
export async function rotateKey(
  config: ControllerConfig,
  env: Environment,
): Promise<{ path: string; sealed: string[] }> {
  const { keys, path, isCredential } = await findKeys(config, env);
  if (isCredential) {
    throw new TacetError(`the key ${path} is a credential of systemd, which cannot be changed from here`, {
      code: 'invalid-input',
      hint: 'Run this outside the unit, with keyFile in the configuration naming the file that the credential is loaded from.',
    });
  }
  const rotated = keys.rotated();
  await replaceKeyFile(path, rotated);
  return { path, sealed: await sealWith(rotated, config) };
}

async function sealWith(keys: KeyRing, config: ControllerConfig): Promise<string[]> {
  const sealed: string[] = [];
  for (const file of secretFilesOf(config)) {
    const found = await readSecretFile(file, keys);
    if (found === undefined || found.state === 'sealed') continue;
    await sealSecretFile(file, found.secret, keys);
    sealed.push(file.path);
  }
  return sealed;
}
