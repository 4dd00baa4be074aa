import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { TacetError } from '@tacet/runtime';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownVersion } from '../own-version.ts';
import { migrateStore, openKysely } from './migrate.ts';
import { migrations, openStore } from './open-store.ts';
import { KEPT_COPIES } from './store-copies.ts';

const newest = Object.keys(migrations).at(-1);

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-migrate-'));
  path = join(directory, 'controller.db');
});
afterEach(() => rm(directory, { recursive: true }));

async function storeWithGuest(): Promise<void> {
  await using store = await openStore(path);
  await store.guests.enrol({ id: 'g', vmid: 101, credentialHash: 'h', now: 1 });
}

function read(file: string, query: string): unknown[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
}

const later = (name: string, program: string, up = (): Promise<void> => Promise.resolve()) => ({
  migrations: { ...migrations, [name]: { up } },
  program,
});

async function upgrade(to: Parameters<typeof migrateStore>[2]): Promise<void> {
  await using db = openKysely(path);
  await migrateStore(db, path, to);
}

describe('a store that is brought up to date', () => {
  it('is put aside before, as it was', async () => {
    await storeWithGuest();
    expect(await readdir(directory)).toEqual(['controller.db']);
    await upgrade({
      program: '0.2.0',
      migrations: {
        ...migrations,
        '9000-away': { up: async (db) => void (await sql`DELETE FROM guests`.execute(db)) },
      },
    });
    expect(read(path, 'SELECT id FROM guests')).toEqual([]);
    expect(read(`${path}.at-${newest}`, 'SELECT id FROM guests')).toEqual([{ id: 'g' }]);
  });

  it('leaves the newest few of what was put aside', async () => {
    await storeWithGuest();
    let known = { ...migrations };
    for (const name of ['9001-a', '9002-b', '9003-c', '9004-d']) {
      known = { ...known, [name]: { up: () => Promise.resolve() } };
      await upgrade({ migrations: known, program: '0.2.0' });
    }
    const copies = (await readdir(directory)).filter((name) => name.startsWith('controller.db.at-'));
    expect(copies).toHaveLength(KEPT_COPIES);
    expect(copies.toSorted().at(-1)).toBe('controller.db.at-9003-c');
  });

  it('is as it was when a step fails, and can be opened by the program before', async () => {
    await storeWithGuest();
    const fails = later('9000-fails', '0.2.0', () => Promise.reject(new Error('no')));
    await expect(upgrade(fails)).rejects.toMatchObject({ code: 'store-migration' });
    await using store = await openStore(path);
    expect((await store.guests.enrolled(101))?.id).toBe('g');
  });

  it('is as it was when the controller is killed in the middle, and goes on from there', async () => {
    await storeWithGuest();
    const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/killed-migration.ts'), path], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
    {
      await using store = await openStore(path);
      expect((await store.guests.enrolled(101))?.id).toBe('g');
    }
    const columns = read(path, "SELECT name FROM pragma_table_info('guests')");
    expect(columns).not.toContainEqual({ name: 'a' });
    await upgrade({
      program: '0.2.0',
      migrations: {
        ...migrations,
        '9998-whole': {
          up: async (db) => void (await sql`ALTER TABLE guests ADD COLUMN a TEXT`.execute(db)),
        },
      },
    });
  });
});

describe('a store that a newer program has written', () => {
  it('is refused: who has written it, what to install, and how to go back', async () => {
    await storeWithGuest();
    await upgrade(later('9000-later', '0.3.1'));
    await expect(openStore(path)).rejects.toMatchObject({
      code: 'store-too-new',
      message: expect.stringMatching(
        new RegExp(`written by Tacet 0\\.3\\.1 \\(9000-later\\), and this is Tacet ${await ownVersion()}`),
      ),
      hint: expect.stringMatching(/Install Tacet 0\.3\.1 or a later one.*cp -p .*controller\.db\.at-/),
    });
    expect(read(path, 'SELECT id FROM guests')).toEqual([{ id: 'g' }]);
  });

  it('is gone back from with the commands that the refusal says', async () => {
    await storeWithGuest();
    await upgrade(later('9000-later', '0.3.1', async () => undefined));
    const refusal = await openStore(path).catch((error: unknown) => error);
    const [, commands = ''] =
      /while no controller runs: (.*)$/.exec(TacetError.is(refusal) ? (refusal.hint ?? '') : '') ?? [];
    await promisify(execFile)('/bin/sh', ['-ec', commands]);
    await using store = await openStore(path);
    expect((await store.guests.enrolled(101))?.id).toBe('g');
  });

  it('and that has nothing new in it goes on with the program before', async () => {
    await storeWithGuest();
    await upgrade({ migrations, program: '0.3.1' });
    await using store = await openStore(path);
    expect((await store.guests.enrolled(101))?.id).toBe('g');
    expect(read(path, 'PRAGMA user_version')).toEqual([{ user_version: 3001 }]);
  });
});
