import { join, resolve } from 'node:path';
import { TacetError } from '@tacet/runtime';
import {
  isSealedFile,
  type KeyFileOptions,
  type KeyRing,
  loadKeyFile,
  ownerOf,
  readKeyCredential,
  type SecretFile,
} from '@tacet/runtime/sealing';
import type { ControllerConfig } from '../config.ts';
import { secretFilesOf } from './secret-places.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const CREDENTIAL = 'tacet-key';

export interface FoundKeys {
  readonly keys: KeyRing;
  readonly path: string;
  /** Then the file is a copy that systemd made: what is written to it is lost. */
  readonly isCredential: boolean;
}

/**
 * The key of this installation: the credential `tacet-key` that systemd hands over, else the key file, which is made
 * at the first start.
 *
 * @throws TacetError `invalid-input` for a key that others may read, that is damaged, or that is gone while something
 *   is sealed with it; where there is no state directory, whose owner the key would be given to
 */
export async function findKeys(config: ControllerConfig, env: Environment): Promise<FoundKeys> {
  const directory = env['CREDENTIALS_DIRECTORY'];
  if (directory !== undefined) {
    const path = join(directory, CREDENTIAL);
    const keys = await readKeyCredential(path);
    if (keys !== undefined) return { keys, path, isCredential: true };
  }
  const path = keyFileOf(config);
  const options = await keyFileOptions(config);
  return { keys: await loadKeyFile(path, options), path, isCredential: false };
}

/** Beside the state directory, not in it: who gets hold of a copy of that has no key. */
export function keyFileOf({ keyFile, stateDir }: ControllerConfig): string {
  return keyFile ?? `${resolve(stateDir)}.key`;
}

async function keyFileOptions(config: ControllerConfig): Promise<KeyFileOptions> {
  const owner = await stateOwner(config.stateDir);
  const sealed: SecretFile[] = [];
  for (const file of secretFilesOf(config)) if (await isSealedFile(file)) sealed.push(file);
  return {
    owners: [process.geteuid?.() ?? owner.uid, owner.uid],
    giveTo: owner,
    neededFor:
      sealed.length === 0
        ? undefined
        : `${sealed.map(({ path }) => path).join(', ')} cannot be opened without it`,
  };
}

async function stateOwner(stateDir: string): ReturnType<typeof ownerOf> {
  try {
    return await ownerOf(stateDir);
  } catch (cause) {
    throw new TacetError(`the state directory ${resolve(stateDir)} cannot be read`, {
      code: 'invalid-input',
      hint: 'The controller makes it when it first starts: start it once, or correct stateDir in the configuration.',
      cause,
    });
  }
}
