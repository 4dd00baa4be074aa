import { existsSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TacetError } from '@tacet/runtime';
import { type Owner, ownerOf, readKeyFile, readSecretFile } from '@tacet/runtime/sealing';
import { tlsKeyFile } from '../at-rest/secret-places.ts';
import { loadConfig } from '../config.ts';
import { ownVersion } from '../own-version.ts';
import { migrations } from '../store/open-store.ts';
import { requireWholeStore, whileNobodyHas } from '../store/store-copies.ts';
import { type BackupTable, type KeptFile, readTable, unpack } from './archive.ts';
import { exchangeAll, type Move, undoExchange } from './exchange.ts';
import { CONFIG, KEY, STORE, TLS_KEY } from './parts.ts';

export interface RestoreOptions {
  /** Where the configuration goes. */
  readonly configPath: string;
  readonly file: string;
  readonly now: Date;
  readonly move?: Move;
}

export interface Restored {
  readonly table: BackupTable;
  readonly written: string[];
  /** Where that is which was there before. */
  readonly aside: string[];
  /** The key file that must be brought from elsewhere before the controller can start. */
  readonly missingKey: string | undefined;
}

/** Beside the configuration: who starts a controller knows nothing but its name. */
export const journalOf = (configPath: string): string => `${resolve(configPath)}.restoring`;

/**
 * Takes back a restore that was cut off: the state from before it is in place again.
 *
 * @throws TacetError `conflict` while one is under way
 */
export async function undoCutOffRestore(configPath: string): Promise<boolean> {
  return await undoExchange(journalOf(configPath));
}

/**
 * Puts a controller back as it was when the backup was made. What is there is put aside, not overwritten; whatever goes
 * wrong leaves it in place.
 *
 * @throws TacetError `conflict` while a controller runs, `store-too-new`, `invalid-input` for a damaged backup
 */
export async function restoreStore(options: RestoreOptions): Promise<Restored> {
  const { configPath, file, now, move } = options;
  await undoCutOffRestore(configPath);
  const table = await readTable(file);
  await requireKnown(file, table);
  const places = placesOf(table, options);
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const asideOf = (path: string): string => `${path}.before-${stamp}`;
  const exchanges = [
    ...places.map(({ target, staged }) => ({ target, staged, aside: asideOf(target) })),
    ...leftOver(table).map((target) => ({ target, staged: null, aside: asideOf(target) })),
  ];
  const stagedAs = (name: string) => places.find(({ kept }) => kept.name === name)?.staged;
  await whileStopped(table, configPath, async () => {
    const owner = await futureOwner(table, configPath);
    for (const { target } of places) await makeDirectory(dirname(target), owner);
    const stage = async (): Promise<void> => {
      for (const { kept, staged } of places) await unpack(file, kept, staged, owner);
      requireWholeStore(stagedAs(STORE) ?? '');
      await requireFittingKey(table, stagedAs(TLS_KEY) ?? '', stagedAs(KEY), owner);
    };
    await exchangeAll({ journal: journalOf(configPath), exchanges, stage, move });
  });
  return {
    table,
    written: places.map(({ target }) => target),
    aside: exchanges.map((one) => one.aside).filter((path) => existsSync(path)),
    missingKey: existsSync(table.keyFile) ? undefined : table.keyFile,
  };
}

interface Place {
  readonly kept: KeptFile;
  readonly target: string;
  readonly staged: string;
}

function placesOf({ files }: BackupTable, { configPath }: RestoreOptions): Place[] {
  return files
    .map((kept) => ({ kept, target: kept.name === CONFIG ? resolve(configPath) : kept.path }))
    .filter(({ kept, target }) => kept.restore === 'always' || !existsSync(target))
    .map(({ kept, target }) => ({ kept, target, staged: `${target}.restored` }));
}

/** What belongs to the store that was there, and must not stand beside another. */
function leftOver({ stateDir }: BackupTable): string[] {
  return ['controller.db-wal', 'controller.db-shm', 'cli.json'].map((name) => join(stateDir, name));
}

async function requireKnown(file: string, { version, store }: BackupTable): Promise<void> {
  const unknown = store.filter((name) => !(name in migrations));
  if (unknown.length === 0) return;
  throw new TacetError(
    `the store in ${file} was written by Tacet ${version} (${unknown.join(', ')}), and this is Tacet ${await ownVersion()}`,
    { code: 'store-too-new', hint: `Install Tacet ${version} or a later one, and restore with that.` },
  );
}

/** The controller of the backup, and the one that is configured now. */
async function whileStopped(
  { stateDir }: BackupTable,
  configPath: string,
  work: () => Promise<void>,
): Promise<void> {
  const stores = new Set([join(stateDir, 'controller.db')]);
  try {
    stores.add(resolve((await loadConfig(configPath)).stateDir, 'controller.db'));
  } catch {
    // None, or a damaged one: no controller can have been started with it.
  }
  const held = [...stores].reduceRight((inner, path) => () => whileNobodyHas(path, inner), work);
  await held();
}

/** Whom the state belongs to, or will: the package gives the configuration's directory to that user. */
async function futureOwner({ stateDir }: BackupTable, configPath: string): Promise<Owner> {
  for (const path of [stateDir, dirname(resolve(configPath))])
    if (existsSync(path)) return await ownerOf(path);
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

async function makeDirectory(path: string, { uid, gid }: Owner): Promise<void> {
  if (existsSync(path)) return;
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (process.geteuid?.() === 0) await chown(path, uid, gid);
}

/** A key that is there, or comes with the backup, must open what is restored. */
async function requireFittingKey(
  table: BackupTable,
  stagedTlsKey: string,
  stagedKey: string | undefined,
  owner: Owner,
): Promise<void> {
  const owners = [process.geteuid?.() ?? owner.uid, owner.uid];
  const keys = await readKeyFile(stagedKey ?? table.keyFile, { owners });
  if (keys === undefined) return;
  await readSecretFile({ ...tlsKeyFile(table.stateDir), path: stagedTlsKey }, keys);
}
