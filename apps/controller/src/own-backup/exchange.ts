import { chmodSync, existsSync, lstatSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TacetError } from '@tacet/runtime';
import { z } from 'zod';

/** One file that takes the place of another. */
export interface Exchange {
  readonly target: string;
  /** What takes its place, in the same directory; null where nothing does. */
  readonly staged: string | null;
  /** Where that goes which was there. */
  readonly aside: string;
}

/** For tests, which want to die in the middle. */
export type Move = (from: string, to: string) => Promise<void>;

interface ExchangeOptions {
  /** Of the journal. It is there only while an exchange is under way, or was cut off. */
  readonly journal: string;
  readonly exchanges: readonly Exchange[];
  /** Makes the staged files. Whatever it throws leaves all as it was. */
  readonly stage: () => Promise<void>;
  readonly move?: Move | undefined;
}

/**
 * Exchanges all of the files or none: cut off anywhere, `undoExchange` brings back what was.
 *
 * @throws TacetError `conflict` while another exchange is under way
 */
export async function exchangeAll({
  journal,
  exchanges,
  stage,
  move = rename,
}: ExchangeOptions): Promise<void> {
  const database = takeJournal(journal);
  try {
    writeDown(database, exchanges);
    try {
      await stage();
      for (const { target, staged, aside } of exchanges) {
        if (existsSync(target)) await move(target, aside);
        if (staged !== null) await move(staged, target);
      }
      await syncDirectories(exchanges);
    } catch (error) {
      await undo(database);
      await removeJournal(journal);
      throw error;
    }
    await removeJournal(journal);
  } finally {
    database.close();
  }
}

/**
 * Takes back an exchange that was cut off, if there is one.
 *
 * @returns whether there was
 * @throws TacetError `conflict` while one is under way, `invalid-input` where this user may not
 */
export async function undoExchange(journal: string): Promise<boolean> {
  if (!existsSync(journal)) return false;
  const database = takeJournal(journal);
  try {
    await undo(database);
    await removeJournal(journal);
  } catch (cause) {
    throw new TacetError('a restore of this controller was cut off, and cannot be taken back', {
      code: 'invalid-input',
      hint: 'As root, run `tacet-controller restore-store` again: it begins with taking this back.',
      cause,
    });
  } finally {
    database.close();
  }
  return true;
}

/** SQLite keeps it whole, and locked for as long as its process lives and no longer. */
function takeJournal(journal: string): DatabaseSync {
  requireOwn(journal);
  if (!existsSync(journal)) {
    writeFileSync(journal, '', { flag: 'wx' });
    // Root restores; the controller's own user reads what is to be taken back.
    chmodSync(journal, 0o644);
  }
  const database = new DatabaseSync(journal, { timeout: 0 });
  try {
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS exchange
        (position INTEGER PRIMARY KEY, target TEXT, staged TEXT, aside TEXT, existed INTEGER)`);
    return database;
  } catch (cause) {
    database.close();
    throw new TacetError(`${journal} is in use: a restore of this controller is under way`, {
      code: 'conflict',
      hint: 'Wait until it has ended.',
      cause,
    });
  }
}

/** It names files to be moved and removed, in a directory that may belong to the controller's own user. */
function requireOwn(journal: string): void {
  if (process.geteuid?.() !== 0 || !existsSync(journal) || lstatSync(journal).uid === 0) return;
  throw new TacetError(`${journal} was not written by root, and root does not follow it`, {
    code: 'invalid-input',
    hint: 'Look at who has made it; remove it to go on.',
  });
}

function writeDown(database: DatabaseSync, exchanges: readonly Exchange[]): void {
  const insert = database.prepare(
    'INSERT INTO exchange (target, staged, aside, existed) VALUES (?, ?, ?, ?)',
  );
  database.exec('BEGIN IMMEDIATE');
  for (const { target, staged, aside } of exchanges) {
    insert.run(target, staged, aside, existsSync(target) ? 1 : 0);
  }
  database.exec('COMMIT');
}

const rowSchema = z.object({
  target: z.string(),
  staged: z.string().nullable(),
  aside: z.string(),
  existed: z.number().transform(Boolean),
});

async function undo(database: DatabaseSync): Promise<void> {
  const rows = database.prepare('SELECT * FROM exchange ORDER BY position DESC').all();
  const exchanges = z.array(rowSchema).parse(rows);
  for (const { target, staged, aside, existed } of exchanges) {
    if (existsSync(aside)) await rename(aside, target);
    else if (!existed) await rm(target, { force: true });
    if (staged !== null) await rm(staged, { force: true });
  }
  await syncDirectories(exchanges);
}

async function syncDirectories(exchanges: readonly Pick<Exchange, 'target'>[]): Promise<void> {
  const directories = new Set(exchanges.map(({ target }) => dirname(target)));
  for (const directory of directories) if (existsSync(directory)) await syncDirectory(directory);
}

/** From here on it has happened, or has not. */
async function removeJournal(journal: string): Promise<void> {
  await rm(journal);
  await rm(`${journal}-journal`, { force: true }); // SQLite's own, which it keeps while it keeps its lock
  await syncDirectory(dirname(journal));
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
