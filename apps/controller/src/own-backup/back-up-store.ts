import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TacetError } from '@tacet/runtime';
import { isSealedFile } from '@tacet/runtime/sealing';
import { keyFileOf } from '../at-rest/sealing-key.ts';
import { secretFilesOf } from '../at-rest/secret-places.ts';
import { type ControllerConfig, loadConfig } from '../config.ts';
import { ownVersion } from '../own-version.ts';
import { copyStore, requireWholeStore } from '../store/store-copies.ts';
import { type BackupTable, digest, type KeptFile, newTable, pack } from './archive.ts';
import { KEY, partsOf, STORE } from './parts.ts';

export interface BackUpOptions {
  readonly configPath: string;
  /** Of the backup. It must not exist. */
  readonly file: string;
  /** With the key that the secrets are sealed with. */
  readonly withKey: boolean;
  readonly now: Date;
}

/**
 * Writes what makes a controller what it is into one file, whether it runs or not: its store as it is at one moment, its
 * configuration, its certificate, and its secrets as they lie on the disk, sealed.
 *
 * @throws TacetError
 */
export async function backUpStore({ configPath, file, withKey, now }: BackUpOptions): Promise<BackupTable> {
  const config = await loadConfig(configPath);
  const archive = resolve(file);
  if (existsSync(archive)) {
    throw new TacetError(`${file} is there already`, { code: 'conflict', hint: 'Name a new file.' });
  }
  await requireSealed(config, configPath);
  if (withKey) requireKeyFile(config);
  const directory = await mkdtemp(`${archive}.`);
  const made = join(directory, 'made');
  try {
    const files: KeptFile[] = [];
    for (const part of partsOf(config, configPath)) {
      if (part.name === KEY && !withKey) continue;
      if (part.restore === 'if-missing' && !existsSync(part.path)) continue;
      const copy = join(directory, part.name);
      await (part.name === STORE ? copyStore(part.path, copy) : copyFile(part.path, copy));
      files.push({ ...part, ...(await digest(copy)) });
    }
    const table = newTable({
      version: await ownVersion(),
      madeAt: now.toISOString(),
      stateDir: resolve(config.stateDir),
      keyFile: resolve(keyFileOf(config)),
      store: requireWholeStore(join(directory, STORE)),
      files,
    });
    await pack(made, directory, table);
    await rename(made, archive);
    await using parent = await open(dirname(archive), 'r');
    await parent.sync();
    return table;
  } catch (cause) {
    if (cause instanceof TacetError) throw cause;
    throw new TacetError(`the backup ${file} could not be written`, {
      code: 'invalid-input',
      hint: 'Run it as root, after the controller has run once, with room for a copy of its store.',
      cause,
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Otherwise the backup would show what the key is there to hide. */
async function requireSealed(config: ControllerConfig, configPath: string): Promise<void> {
  for (const file of secretFilesOf(config)) {
    if (!existsSync(file.path) || (await isSealedFile(file))) continue;
    throw new TacetError(`the secret file ${file.path} is not sealed`, {
      code: 'invalid-input',
      hint: `tacet-controller seal --config ${configPath}`,
    });
  }
}

function requireKeyFile(config: ControllerConfig): void {
  const path = keyFileOf(config);
  if (existsSync(path)) return;
  throw new TacetError(`there is no key file ${path}`, {
    code: 'invalid-input',
    hint: 'A key that systemd hands over as a credential is kept where that comes from: back it up there, without --with-key.',
  });
}
