import { existsSync } from 'node:fs';
import { chmod, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TacetError } from '@tacet/runtime';

/** As many as releases that somebody may want to go back to. */
export const KEPT_COPIES = 3;

/**
 * A copy of a store as it is at one moment, also while a controller has it open; durable when this returns, and cut
 * off anywhere, what was at `target` before is still there.
 */
export async function copyStore(path: string, target: string): Promise<void> {
  const made = `${target}.new`;
  await rm(made, { force: true });
  reading(path, (database) => database.prepare('VACUUM INTO ?').run(made));
  await chmod(made, 0o600);
  await sync(made);
  await rename(made, target);
  await sync(dirname(target));
}

/**
 * The migrations that a store has, after SQLite has looked at every page of it.
 *
 * @throws TacetError `invalid-input` for a damaged one
 */
export function requireWholeStore(path: string): string[] {
  return reading(path, (database) => {
    const [{ quick_check: found } = {}] = database.prepare('PRAGMA quick_check(1)').all();
    if (found !== 'ok') {
      throw new TacetError(`the store ${path} is damaged: ${String(found)}`, {
        code: 'invalid-input',
        hint: 'Restore the newest backup of the controller: tacet-controller restore-store FILE',
      });
    }
    return database
      .prepare('SELECT name FROM kysely_migration ORDER BY name')
      .all()
      .map(({ name }) => String(name));
  });
}

/**
 * Runs while nobody else has the store open, and keeps everybody out until then. A damaged store is nobody's.
 *
 * @throws TacetError `conflict` where a controller runs with it
 */
export async function whileNobodyHas<T>(path: string, work: () => Promise<T>): Promise<T> {
  if (!existsSync(path)) return await work();
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    takeForOneself(database, path);
    return await work();
  } finally {
    database.close();
  }
}

function takeForOneself(database: DatabaseSync, path: string): void {
  try {
    // Whoever has a store open in this mode keeps it from leaving the mode.
    database.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  } catch (cause) {
    if (!isBusy(cause)) return;
    throw new TacetError(`a controller runs with ${path}`, {
      code: 'conflict',
      hint: 'Stop it: systemctl stop tacet-controller',
      cause,
    });
  }
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function reading<T>(path: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path, { timeout: 5000, readOnly: true });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/**
 * Puts a store aside before it is brought up to date, under the name of what it is at: `controller.db.at-0009-…`. Only
 * the newest few stay.
 *
 * @returns the path of the copy
 */
export async function putAside(path: string, at: string): Promise<string> {
  const copy = `${path}.at-${at}`;
  await copyStore(path, copy);
  for (const old of (await storeCopies(path)).slice(0, -KEPT_COPIES)) await rm(old.path);
  return copy;
}

/** What was put aside of a store, the oldest first. */
export async function storeCopies(path: string): Promise<{ path: string; at: string }[]> {
  const prefix = `${basename(path)}.at-`;
  const names = (await readdir(dirname(path))).filter(
    (name) => name.startsWith(prefix) && !name.endsWith('.new'),
  );
  return names.toSorted().map((name) => ({
    path: join(dirname(path), name),
    at: name.slice(prefix.length),
  }));
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
