import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Backup } from '@tacet/protocol';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeIncarnation, fakeStatus } from '../testing/fake-agent.ts';
import { first } from './migrations/0001-first.ts';
import { openNodeSqlite } from './node-sqlite.ts';
import { openStore } from './open-store.ts';
import type { Tables } from './schema.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-store-'));
  path = join(directory, 'controller.db');
});
afterEach(() => rm(directory, { recursive: true }));

const backup: Backup = {
  id: 'b1',
  operationId: 'op1',
  vmid: 101,
  node: 'pve1',
  volid: 'local:backup/x.tar.zst',
  sizeBytes: 5_000_000_000_000,
  startedAt: 1,
  finishedAt: 2,
  origin: 'hook',
  verdict: {
    consistency: 'crash',
    reason: 'NotHeld',
    message: 'no agent',
    proof: null,
    services: [],
    uncovered: [],
  },
};

describe('the store', () => {
  it('keeps what it was told when it is opened again', async () => {
    {
      await using store = await openStore(path);
      await store.operations.create({ id: 'op1', kind: 'backup', vmid: 101, startedAt: 1 });
      await store.operations.addStep('op1', 0, { at: 1, name: 'held', message: 'all' });
      await store.backups.create(backup, 'local');
      await store.operations.finish('op1', { at: 3, restoredTo: null, error: null });
    }
    await using store = await openStore(path);
    expect(await store.operations.get('op1')).toMatchObject({ state: 'succeeded', backup });
    expect(await store.backups.list(101, 10)).toEqual([backup]);
    expect(await store.backups.list(102, 10)).toEqual([]);
  });

  it('knows of backups that were made before there was a hook who had asked for them', async () => {
    const { origin: _, ...before } = backup;
    const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: openNodeSqlite(path) }) });
    const provider = { getMigrations: async () => ({ '0001-first': first }) };
    expect((await new Migrator({ db, provider }).migrateToLatest()).error).toBeUndefined();
    await db.destroy();
    const database = new DatabaseSync(path);
    database.exec(
      `INSERT INTO operations (id, kind, vmid, state, started_at) VALUES ('op1', 'backup', 101, 'succeeded', 1);
       INSERT INTO backups (id, operation_id, vmid, node, storage, volid, size_bytes, started_at, finished_at, verdict)
       VALUES ('b1', 'op1', 101, 'pve1', 'local', '${backup.volid}', ${backup.sizeBytes}, 1, 2, '${JSON.stringify(backup.verdict)}')`,
    );
    database.close();
    await using store = await openStore(path);
    expect(await store.backups.get('b1')).toEqual({ ...before, origin: 'controller' });
  });

  it('refuses a store that a newer controller has written, and leaves it alone', async () => {
    await (await openStore(path))[Symbol.asyncDispose]();
    const database = new DatabaseSync(path);
    database.exec("INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-later', 'x')");
    database.close();
    await expect(openStore(path)).rejects.toMatchObject({
      code: 'store-too-new',
      message: expect.stringContaining('9999-later'),
      hint: expect.any(String),
    });
  });

  it('survives a crash of the machine: written ahead and synced', async () => {
    await using _store = await openStore(path);
    const database = new DatabaseSync(path);
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    database.close();
  });
});

describe('guests in the store', () => {
  it('have at most one bearer of a VMID: the newest takes the place, and the old credential opens nothing', async () => {
    await using store = await openStore(':memory:');
    await store.guests.enrol({ id: 'old', vmid: 101, credentialHash: 'h-old', now: 1 });
    await store.guests.enrol({ id: 'new', vmid: 101, credentialHash: 'h-new', now: 2 });
    expect(await store.guests.byCredential('h-old')).toBeUndefined();
    expect((await store.guests.enrolled(101))?.id).toBe('new');
  });

  it('may include quarantined copies of the same VMID', async () => {
    await using store = await openStore(':memory:');
    await store.guests.enrol({ id: 'g', vmid: 101, credentialHash: 'h', now: 1 });
    await store.guests.quarantine({ id: 'q', vmid: 101, originId: 'g', copyKey: 'k', now: 2 });
    expect((await store.guests.enrolled(101))?.id).toBe('g');
    expect((await store.guests.quarantined({ originId: 'g', vmid: 101, copyKey: 'k' }))?.id).toBe('q');
  });

  it('keep their last picture', async () => {
    await using store = await openStore(':memory:');
    await store.guests.enrol({ id: 'g', vmid: 101, credentialHash: 'h', now: 1 });
    const sighting = { agentVersion: '1', incarnation: fakeIncarnation(101), status: fakeStatus(), at: 7 };
    await store.guests.saw('g', sighting);
    expect(await store.guests.enrolled(101)).toMatchObject({ status: fakeStatus(), lastSeenAt: 7 });
  });
});

describe('one-time secrets in the store', () => {
  it('can be used once, and not after their time', async () => {
    await using store = await openStore(':memory:');
    await store.enrolments.create(101, 'hash', 0, 100);
    expect(await store.enrolments.find('hash', 50)).toBe(101);
    expect(await store.enrolments.use('hash', 100)).toBe(false);
    expect(await store.enrolments.use('hash', 50)).toBe(true);
    expect(await store.enrolments.use('hash', 51)).toBe(false);
    expect(await store.enrolments.find('hash', 51)).toBeUndefined();
  });
});

describe('events in the store', () => {
  it('are numbered in order; one that an agent repeats is kept once', async () => {
    await using store = await openStore(':memory:');
    const event = { at: 1, type: 'heal.step', message: 'started web', data: { container: 'x' } } as const;
    const subject = { guestId: 'g', vmid: 101 };
    await store.events.append(event, subject);
    expect(await store.events.append(event, subject)).toBeUndefined();
    await store.events.append({ ...event, message: 'started db' }, subject);
    const events = await store.events.after(0, 10);
    expect(events.map(({ message }) => message)).toEqual(['started web', 'started db']);
    expect(await store.events.after(events[0]?.sequence ?? 0, 10)).toHaveLength(1);
  });
});
