import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { parseConfig as parseAgentConfig, startAgent } from '@tacet/agent';
import { MemoryEngine, MemoryGuestHost } from '@tacet/agent/memory';
import { Journal } from '@tacet/agent/src/journal/journal.ts';
import { parseConfig, startController } from '@tacet/controller';
import { ApiClient } from '@tacet/controller/testing';
import {
  backupListSchema,
  eventListSchema,
  guestListSchema,
  operationListSchema,
  readHookSettings,
} from '@tacet/protocol';
import { silentLogger, Undo } from '@tacet/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { fixtures, recordedReleases, releaseFolder } from './releases.ts';

const run = promisify(execFile);
const versions = await recordedReleases();

let undo: Undo;
let directory: string;
beforeEach(async () => {
  undo = new Undo();
  directory = await mkdtemp(join(tmpdir(), 'tacet-compatible-'));
  undo.defer(() => rm(directory, { recursive: true }));
  return () => undo[Symbol.asyncDispose]();
});

async function openController(hook?: { socket: string; node: string }) {
  const controller = await startController({
    config: parseConfig({
      listen: { address: '127.0.0.1', port: 0 },
      stateDir: join(directory, 'state'),
      nodes: [],
      ...(hook && { hook }),
    }),
    log: silentLogger,
  });
  undo.defer(() => controller[Symbol.asyncDispose]());
  return { controller, api: await ApiClient.of(controller.clientFile) };
}

describe.each(versions)('the disk of a guest that %s held', (version) => {
  /** Today's agent on it; what ran when it was held is down. */
  async function wake(bootId: 'another' | 'the same') {
    const stateDir = join(directory, 'agent');
    await cp(join(releaseFolder(version), 'guest'), stateDir, { recursive: true });
    const journal = new Journal(join(stateDir, 'journal'));
    const quiesce = await journal.readQuiesce();
    const manifest = await journal.readManifest();
    if (quiesce.kind !== 'present' || manifest === undefined) throw new Error('it cannot be read');
    expect(quiesce.value.state).toMatch(/^hold|^held/);
    const services = manifest.services.toSorted((one, other) =>
      one.containerId.localeCompare(other.containerId),
    );
    const engine = new MemoryEngine({
      containers: services.map(({ stack, service, image, restartPolicy, health }) => ({
        stack,
        service,
        image,
        restartPolicy,
        ...(health !== 'none' && { healthyAfterMs: 100 }),
        state: bootId === 'another' ? ('exited' as const) : ('running' as const),
      })),
    });
    const agent = await startAgent({
      engine,
      guestHost: new MemoryGuestHost({
        engine,
        incarnation: { vmid: 101 },
        ...(bootId === 'the same' && { bootId: quiesce.value.bootId }),
      }),
      config: parseAgentConfig({ stateDir, healGraceMs: 100 }),
      log: silentLogger,
    });
    undo.defer(() => agent[Symbol.asyncDispose]());
    const isTrue = (wanted: string) => (): boolean =>
      agent.status().conditions.some(({ type, status }) => type === wanted && status === 'True');
    return { isTrue, journal, names: () => readdir(join(stateDir, 'journal')) };
  }

  it('heals under today’s agent after a restore', async () => {
    const { isTrue, journal, names } = await wake('another');
    await expect.poll(isTrue('StacksRunning'), { timeout: 30_000 }).toBe(true);
    await expect.poll(isTrue('Thawed'), { timeout: 30_000 }).toBe(true);
    await expect.poll(() => journal.readQuiesce()).toMatchObject({ value: { state: 'idle' } });
    expect((await names()).filter((name) => name.includes('.corrupt'))).toEqual([]);
  });

  it('is thawed by today’s agent after an upgrade in the middle of a hold', async () => {
    const { isTrue, journal } = await wake('the same');
    await expect.poll(isTrue('Thawed'), { timeout: 30_000 }).toBe(true);
    await expect.poll(() => journal.readQuiesce()).toMatchObject({ value: { state: 'idle' } });
  });
});

describe.each(versions)('the hook script of %s', (version) => {
  const script = join(releaseFolder(version), 'vzdump-hook.sh');

  it.skipIf(!existsSync('/usr/bin/perl'))('is answered by today’s controller (needs perl)', async () => {
    const socket = join(directory, 'hook.sock');
    await openController({ socket, node: 'pve1' });
    const installed = join(directory, 'hook.sh');
    const text = await readFile(script, 'utf8');
    await writeFile(installed, text.replace(/^socket=.*$/m, `socket='${socket}'`));
    const env = { VMTYPE: 'lxc', STOREID: 'local', TARGET: '/var/lib/vz/dump/x.tar.zst' };
    for (const phase of [
      ['job-start'],
      ['backup-start', 'snapshot', '101'],
      ['pre-stop', 'snapshot', '101'],
      ['pre-restart', 'snapshot', '101'],
      ['backup-end', 'snapshot', '101'],
      ['log-end', 'snapshot', '101'],
      ['job-end'],
    ]) {
      const { stdout } = await run('/bin/sh', [installed, ...phase], { env });
      expect(stdout).not.toMatch(/does not understand|no controller|going on without/);
    }
  });

  it('has settings that today’s `tacet hook` reads', async () => {
    expect(readHookSettings(await readFile(script, 'utf8'))).toMatchObject({
      socket: '/run/tacet/hook.sock',
    });
  });
});

const before = (await readdir(join(fixtures, 'stores'))).toSorted();
const stores = [
  // Of the migrations from before the first release, as the programs of those days wrote them.
  ...before.map((name) => ({ store: name.replace('.db.gz', ''), file: join(fixtures, 'stores', name) })),
  ...versions.map((version) => ({ store: version, file: join(releaseFolder(version), 'controller.db.gz') })),
];

describe.each(stores)('a store of $store', ({ file }) => {
  it('is brought up to date with all that is in it, and was put aside before', async () => {
    const path = join(directory, 'state', 'controller.db');
    await mkdir(join(directory, 'state'));
    await writeFile(path, gunzipSync(await readFile(file)));
    const old = contents(path);
    expect(old.guests).toEqual([101, 201]);

    const { controller, api } = await openController();
    const { guests } = await api.expect(guestListSchema, 'GET', '/api/v1/guests');
    expect(guests.map(({ vmid }) => vmid)).toEqual(old.guests);
    const { operations } = await api.expect(operationListSchema, 'GET', '/api/v1/operations');
    expect(operations.map(({ id }) => id).toSorted()).toEqual(old.operations);
    const restore = operations.find(({ kind }) => kind === 'restore');
    expect(restore).toMatchObject({ vmid: 101, restoredTo: 201, state: 'succeeded' });
    const { backups } = await api.expect(backupListSchema, 'GET', '/api/v1/backups');
    expect(backups.map(({ verdict, ...backup }) => [backup.vmid, backup.volid, verdict.consistency])).toEqual(
      old.backups,
    );
    const { events } = await api.expect(eventListSchema, 'GET', '/api/v1/events?after=0&limit=500');
    expect(events.map(({ message }) => message).slice(0, old.events.length)).toEqual(old.events);

    await controller[Symbol.asyncDispose]();
    const copy = (await readdir(join(directory, 'state'))).find((name) => name.includes('.db.at-'));
    const wasMigrated = contents(path).migrations.length > old.migrations.length;
    expect(copy).toBe(wasMigrated ? `controller.db.at-${String(old.migrations.at(-1))}` : undefined);
    expect(contents(join(directory, 'state', copy ?? 'controller.db'))).toMatchObject({ guests: old.guests });
  });
});

/** Read without the program: what must still be there. */
function contents(path: string) {
  const database = new DatabaseSync(path, { readOnly: true });
  const all = (query: string): unknown[] => database.prepare(query).all().flatMap(Object.values);
  const rows = (query: string): unknown[][] => database.prepare(query).all().map(Object.values);
  try {
    return {
      migrations: all('SELECT name FROM kysely_migration ORDER BY name'),
      guests: all('SELECT vmid FROM guests ORDER BY vmid'),
      operations: all('SELECT id FROM operations ORDER BY id'),
      backups: rows("SELECT vmid, volid, json_extract(verdict, '$.consistency') FROM backups"),
      events: all('SELECT message FROM events ORDER BY sequence'),
    };
  } finally {
    database.close();
  }
}
