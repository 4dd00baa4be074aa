import { spawn, spawnSync } from 'node:child_process';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { type SqliteGuest, thisGuest } from './sqlite-client.ts';
import { inheritedSqliteLock, SqliteMethod } from './sqlite.ts';
import { portsOf, targetOf } from './testing.ts';

// The application is this process, with the SQLite of its Node; the method uses the machine's `sqlite3`.
const missing = spawnSync('sqlite3', ['--version']).error !== undefined;
const { signal } = new AbortController();
let directory: string;
let opened: DatabaseSync[];
let methods: SqliteMethod[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-sqlite-'));
  opened = [];
  methods = [];
});
afterEach(async () => {
  for (const method of methods) await method.close();
  for (const database of opened) if (database.isOpen) database.close();
  await rm(directory, { recursive: true });
});

function application(name: string, mode = 'wal'): DatabaseSync {
  const database = new DatabaseSync(join(directory, name));
  opened.push(database);
  database.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1)`);
  return database;
}

/** For databases of a container, which shows them below `/data`. */
async function methodFor(names: readonly string[], guest?: SqliteGuest): Promise<SqliteMethod> {
  const engine = new MemoryEngine({ containers: [{ stack: 'shop', service: 'app', image: 'app:1' }] });
  const ports = portsOf(engine);
  const target = await targetOf(engine, 'shop/app');
  ports.processes.databases.set(
    target.cgroup,
    names.map((name) => ({ path: join(directory, name), name: `/data/${name}` })),
  );
  const method = new SqliteMethod(target, ports, {}, guest);
  methods.push(method);
  return method;
}

const bytesOf = async (name: string): Promise<number> => (await stat(join(directory, name))).size;
const insert = (database: DatabaseSync): void => database.exec('INSERT INTO t VALUES (2)');

describe.skipIf(missing)(`SQLite${missing ? ' (skipped: sqlite3 is not installed)' : ''}`, () => {
  it('is checkpointed while its application goes on', async () => {
    const app = application('it is 100% mine.db');
    const method = await methodFor(['it is 100% mine.db']);
    expect(await method.discover(signal)).toEqual({
      engine: 'SQLite, 1 database',
      predictedHoldMs: 5,
      notes: [],
    });
    expect(await bytesOf('it is 100% mine.db-wal')).toBeGreaterThan(0);
    const flush = await method.prepare(signal);
    expect(flush.behindSince).toBeNull();
    expect(flush.bytesFlushed).toBeGreaterThan(0);
    expect(await bytesOf('it is 100% mine.db-wal')).toBe(0);
    insert(app);
    expect(await method.prepare(signal)).toMatchObject({ bytesFlushed: 4096 });
  });

  it('keeps what a reader still needs, and that is no failure', async () => {
    const app = application('app.db');
    const reader = application('app.db');
    reader.exec('BEGIN; SELECT count(*) FROM t');
    insert(app);
    const method = await methodFor(['app.db']);
    await method.prepare(signal);
    expect(await bytesOf('app.db-wal')).toBeGreaterThan(0);
  });

  it('says what it cannot do, and what nobody can see', async () => {
    application('old.db', 'delete');
    const exclusive = application('exclusive.db');
    exclusive.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; INSERT INTO t VALUES (3); COMMIT');
    exclusive.exec('PRAGMA journal_mode = delete; INSERT INTO t VALUES (3)');
    await writeFile(join(directory, 'encrypted.db'), Buffer.alloc(8192, 'x'));
    const method = await methodFor(['encrypted.db', 'exclusive.db', 'gone.db', 'old.db']);
    expect(await method.discover(signal)).toEqual({
      engine: 'SQLite, 4 databases',
      predictedHoldMs: 5,
      notes: [
        '/data/encrypted.db: file is not a database (26): not checkpointed',
        '/data/exclusive.db: its application keeps it to itself: not checkpointed',
        expect.stringMatching(/^\/data\/gone.db: unable to open database .*: not checkpointed$/) as string,
        '/data/old.db: safe to copy unless its application has set journal_mode to OFF or MEMORY, which nobody else can see',
      ],
    });
    expect(await method.prepare(signal)).toMatchObject({ bytesFlushed: 0, behindSince: null });
    await expect(method.lock.hold(1_000, signal)).rejects.toMatchObject({ code: 'hold-failed' });
    await expect(stat(join(directory, 'gone.db'))).rejects.toThrow('ENOENT');
  });

  it('is only frozen where the guest has no sqlite3', async () => {
    application('app.db');
    const method = await methodFor(['app.db'], {
      ...thisGuest,
      start: ([command = '', ...args]) =>
        spawn(command === 'sh' ? '/bin/sh' : command, args, { env: { PATH: directory }, stdio: 'pipe' }),
    });
    expect((await method.discover(signal)).notes).toEqual([
      'sqlite3 is not installed in the guest (apt install sqlite3): not checkpointed, held by freezing',
    ]);
    expect(await method.prepare(signal)).toMatchObject({ bytesFlushed: null });
  });

  it.each(['wal', 'delete'])('lets nobody write while it is locked (%s)', async (mode) => {
    const app = application('app.db', mode);
    const method = await methodFor(['app.db']);
    await method.prepare(signal);
    await method.lock.hold(30_000, signal);
    await method.lock.hold(30_000, signal);
    expect(() => insert(app)).toThrow('database is locked');
    expect(app.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 1 });
    expect(await method.lock.isHeld(signal)).toBe(true);
    await method.lock.thaw(signal);
    insert(app);
    expect(await method.lock.isHeld(signal)).toBe(false);
    await method.lock.thaw(signal);
  });

  it('is unlocked by the end of the process that holds it', async () => {
    const app = application('app.db');
    const method = await methodFor(['app.db']);
    await method.lock.hold(30_000, signal);
    expect(() => insert(app)).toThrow('database is locked');
    await method.close();
    insert(app);
    // So a fresh process has nothing to do.
    const ports = portsOf(new MemoryEngine({ containers: [] }));
    await inheritedSqliteLock(method.lock.record, ports, 0).thaw(signal);
  });

  it('gives up waiting for an application in the middle of something, and holds nothing then', async () => {
    const [app, other] = [application('app.db'), application('other.db')];
    app.exec('BEGIN IMMEDIATE');
    const method = await methodFor(['app.db', 'other.db']);
    await expect(method.lock.hold(30_000, AbortSignal.timeout(500))).rejects.toMatchObject({
      code: 'hold-failed',
    });
    await method.lock.thaw(signal);
    app.exec('COMMIT');
    insert(app);
    insert(other);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'leaves what it makes beside a database to its owner (needs root)',
    async () => {
      application('app.db').close();
      await chown(join(directory, 'app.db'), 101_000, 101_001);
      const method = await methodFor(['app.db']);
      await method.lock.hold(30_000, signal);
      for (const name of ['app.db', 'app.db-wal', 'app.db-shm']) {
        const { uid, gid } = await stat(join(directory, name));
        expect({ name, uid, gid }).toEqual({ name, uid: 101_000, gid: 101_001 });
      }
      await method.lock.thaw(signal);
    },
  );
});
