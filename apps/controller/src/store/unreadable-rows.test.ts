import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';
import { fakeIncarnation, fakeStatus } from '../testing/fake-agent.ts';
import { storedBackup } from '../testing/stored-backup.ts';
import { openStore, type Store } from './open-store.ts';

let path: string;
let store: Store;
let told: string[];
beforeEach(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tacet-unreadable-'));
  path = join(directory, 'controller.db');
  told = [];
  store = await openStore(path, (row) => told.push(row));
  return async () => {
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  };
});

function damage(sql: string): void {
  using database = new DatabaseSync(path);
  database.exec(sql);
}

/** Cut off, and of a version that has other words. */
const broken = ['{"consistency":', '{"consistency":"perfect"}'];

async function keepBackup(id: string, vmid: number, finishedAt: number): Promise<void> {
  const operationId = `op-${id}`;
  await store.operations.create({ id: operationId, kind: 'backup', vmid, startedAt: finishedAt });
  await store.backups.create({ ...storedBackup, id, operationId, vmid, finishedAt }, 'local');
  await store.operations.finish(operationId, { at: finishedAt, restoredTo: null, error: null });
}

describe('a guest that cannot be read', () => {
  beforeEach(async () => {
    for (const vmid of [101, 102]) {
      await store.guests.enrol({ id: `g${vmid}`, vmid, credentialHash: `hash${vmid}`, now: 1 });
      const [incarnation, status] = [fakeIncarnation(vmid), fakeStatus()];
      await store.guests.saw(`g${vmid}`, { agentVersion: '0', incarnation, status, at: 2 });
    }
    damage(`UPDATE guests SET status = '{"quiesceState":"dreaming"}' WHERE vmid = 101`);
  });

  it('is missing from lists, is told of, and is kept', async () => {
    expect((await store.guests.list()).map(({ vmid }) => vmid)).toEqual([102]);
    expect(told).toEqual(['guest 101 (g101)']);
    expect((await store.census.guests()).map(({ vmid }) => vmid)).toEqual([101, 102]);
    expect(await store.guests.isEnrolled(101)).toBe(true);
    expect(await store.guests.idOfEnrolled(101)).toBe('g101');
  });

  it('is refused in clear words when it is asked for', async () => {
    for (const ask of [() => store.guests.bearer(101), () => store.guests.get('g101')]) {
      await expect(ask()).rejects.toMatchObject({
        code: 'internal',
        message: 'the store has guest 101 (g101), which cannot be read',
        hint: expect.stringContaining('tacet enrol'),
      });
    }
    expect(await store.guests.bearer(102)).toMatchObject({ id: 'g102' });
  });

  it('can be read again once its agent has called, which it may as long as it is known by what it was', async () => {
    expect(await store.guests.byCredential('hash101')).toMatchObject({ id: 'g101', vmid: 101 });
    const [incarnation, status] = [fakeIncarnation(101), fakeStatus()];
    await store.guests.saw('g101', { agentVersion: '0', incarnation, status, at: 3 });
    expect(await store.guests.list()).toHaveLength(2);
    damage(`UPDATE guests SET incarnation = '{}' WHERE vmid = 101`);
    await expect(store.guests.byCredential('hash101')).rejects.toMatchObject({ code: 'internal' });
  });
});

describe.each(broken)('a backup with the verdict %s', (verdict) => {
  beforeEach(async () => {
    await store.guests.enrol({ id: 'g101', vmid: 101, credentialHash: 'hash', now: 1 });
    for (const at of [1, 2, 3, 4, 5]) await keepBackup(`b${at}`, 101, at);
    damage(`UPDATE backups SET verdict = '${verdict}' WHERE id IN ('b5', 'b3')`);
  });

  it('is missing from pages, which stay full', async () => {
    const ids = async (limit: number, at?: number) =>
      (await store.backups.list(101, limit, at === undefined ? undefined : { at, id: `b${at}` })).map(
        ({ id }) => id,
      );
    expect(await ids(2)).toEqual(['b4', 'b2']);
    expect(await ids(2, 2)).toEqual(['b1']);
    expect(await ids(10)).toEqual(['b4', 'b2', 'b1']);
    expect((await store.backups.newestOfEach()).get(101)?.id).toBe('b4');
    expect(new Set(told)).toEqual(new Set(['backup b5 of guest 101', 'backup b3 of guest 101']));
  });

  it('is missing from operations', async () => {
    expect((await store.operations.list(2)).map(({ id }) => id)).toEqual(['op-b4', 'op-b2']);
    expect((await store.operations.list(9)).map(({ id }) => id)).toEqual(['op-b4', 'op-b2', 'op-b1']);
    await expect(store.operations.get('op-b5')).rejects.toMatchObject({ code: 'internal' });
  });

  it('is refused when it is asked for, and no older one is restored for it', async () => {
    const refused = { code: 'internal', message: expect.stringContaining('backup b5 of guest 101') };
    await expect(store.backups.get('b5')).rejects.toMatchObject(refused);
    await expect(store.backups.newestToRestore(101)).rejects.toMatchObject(refused);
  });

  it('leaves the others to be counted', async () => {
    expect(await store.census.newestBackups()).toEqual([{ vmid: 101, consistency: 'crash', finishedAt: 4 }]);
    expect(told).toEqual(['a verdict of guest 101']);
  });
});

describe('other rows that cannot be read', () => {
  it('of events are left out, and what comes after is told', async () => {
    for (const message of ['one', 'two', 'three']) {
      const event = { at: 1, type: 'heal.step', message, data: {} } as const;
      await store.events.append(event, { guestId: null, vmid: 101 });
    }
    damage(
      `UPDATE events SET data = '{' WHERE message = 'one'; UPDATE events SET type = 'x' WHERE message = 'two'`,
    );
    expect((await store.events.after(0, 1)).map(({ message }) => message)).toEqual(['three']);
    expect(told).toEqual(['event 1', 'event 2']);
  });

  it('of operations that a controller left behind keep none from starting', async () => {
    await store.operations.create({ id: 'op1', kind: 'backup', vmid: 101, startedAt: 1 });
    await store.operations.create({ id: 'op2', kind: 'backup', vmid: 102, startedAt: 2 });
    damage(`UPDATE operations SET error = '{' WHERE id = 'op1'`);
    expect((await store.operations.running()).map(({ id }) => id)).toEqual(['op2']);
    expect(told).toEqual(['the operation op1 (backup of guest 101)']);
  });

  it('of drills are refused when they are asked for, and left out of what a guest has shown', async () => {
    await keepBackup('b1', 101, 1);
    const drill = { operationId: 'op-b1', backupId: 'b1', vmid: 101, node: 'pve1', scratchVmid: 900 };
    await store.drills.begin({ ...drill, startedAt: 2 });
    const end = { outcome: 'proven', readyAfterMs: 1, message: '' } as const;
    await store.drills.finish('op-b1', { ...end, finishedAt: 3 });
    damage(`UPDATE drills SET ready_after_ms = -1`);
    await expect(store.drills.ofOperation('op-b1')).rejects.toMatchObject({ code: 'internal' });
    expect(await store.drills.newestOfGuest(101)).toBeUndefined();
    expect(told).toEqual(['the drill op-b1 of backup b1', 'the drill op-b1 of backup b1']);
  });

  it('are refused where nobody is told of them', async () => {
    await store.guests.enrol({ id: 'g101', vmid: 101, credentialHash: 'hash', now: 1 });
    damage(`UPDATE guests SET incarnation = 'nothing'`);
    await using strict = await openStore(path);
    await expect(strict.guests.list()).rejects.toMatchObject({ code: 'internal' });
  });
});
