import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { compareMarkers } from '@tacet/core';
import type { SqliteMarker } from '@tacet/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thisGuest } from './sqlite-client.ts';
import { readSqliteDatabase } from './sqlite-marker.ts';

const missing = spawnSync('sqlite3', ['--version']).error !== undefined;
const { signal } = new AbortController();
const plenty = 1024 ** 3;

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-sqlite-marker-'));
  path = join(directory, 'a.db');
});
afterEach(() => rm(directory, { recursive: true }));

function write(rows: number, mode = 'wal'): void {
  using database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE IF NOT EXISTS t (x)`);
  const insert = database.prepare('INSERT INTO t VALUES (?)');
  for (let row = 0; row < rows; row += 1) insert.run('x'.repeat(1_000));
}

const marker = async (mostBytes = plenty): Promise<SqliteMarker> => ({
  engine: 'sqlite',
  databases: [await readSqliteDatabase({ name: '/data/a.db', path }, thisGuest, mostBytes, signal)],
});

describe.skipIf(missing)(
  `the marker of a SQLite database${missing ? ' (skipped: no sqlite3 on this machine)' : ''}`,
  () => {
    it('has its pages and its own word', async () => {
      write(100);
      const [database] = (await marker()).databases;
      expect(database).toMatchObject({ pageBytes: 4096, shrinks: false, check: 'ok' });
      expect(database?.pages).toBeGreaterThan(25);
      const [big] = (await marker(4096)).databases;
      expect(big?.check).toBeNull();
    });

    it.each(['wal', 'delete'])('tells a file that was cut off (%s)', async (mode) => {
      write(200, mode);
      const before = await marker();
      write(50, mode);
      expect(compareMarkers(before, await marker(), 'hold').differences).toEqual([]);
      await truncate(path, Math.floor((await stat(path)).size / 2 / 4096) * 4096);
      const { differences } = compareMarkers(before, await marker(), 'hold');
      expect(differences.map(({ marker: name }) => name)).toContain('quick_check of /data/a.db');
    });

    it('tells a file that is no database any more, one that is gone, and one that was begun anew', async () => {
      write(200);
      const before = await marker();
      const found = async (): Promise<string[]> =>
        compareMarkers(before, await marker(), 'hold').differences.map(({ found: seen }) => seen);
      await truncate(path, 10);
      expect(await found()).toEqual([expect.stringMatching(/not a database|malformed/)]);
      await rm(path);
      expect(await found()).toEqual(['no file, or an empty one']);
      write(1);
      expect(await found()).toEqual(['2']);
    });
  },
);
