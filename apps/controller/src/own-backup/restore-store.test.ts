import { execFile } from 'node:child_process';
import {
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { silentLogger, Undo } from '@tacet/runtime';
import { KeyRing } from '@tacet/runtime/sealing';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../config.ts';
import { type Controller, startController } from '../controller.ts';
import { openStore } from '../store/open-store.ts';
import { digest } from './archive.ts';
import { backUpStore } from './back-up-store.ts';
import { restoreStore, undoCutOffRestore } from './restore-store.ts';

const run = promisify(execFile);
const SECRET = '0b5c3f0e-8f7e-4a52-9d53-6a2c1f1d8f77';
const now = new Date('2026-11-23T03:00:00Z');

let root: string;
let undo: Undo;
const at = (name: string): string => join(root, name);
const text = (name: string): Promise<string> => readFile(at(name), 'utf8');

beforeEach(async () => {
  undo = new Undo();
  root = await mkdtemp(join(tmpdir(), 'tacet-own-'));
  undo.defer(() => rm(root, { recursive: true }));
  await mkdir(at('etc'));
  await writeFile(at('etc/guest-101.secret'), SECRET, { mode: 0o600 });
  await writeFile(at('etc/pve-ca.pem'), 'the authority');
  await writeFile(at('etc/controller.json'), JSON.stringify(config()));
  return () => undo[Symbol.asyncDispose]();
});

function config() {
  return {
    listen: { address: '127.0.0.1', port: 0 },
    stateDir: at('state'),
    keyFile: at('etc/controller.key'),
    nodes: [
      {
        name: 'pve1',
        url: 'https://127.0.0.1:1',
        trust: { ca: at('etc/pve-ca.pem') },
        guestTokens: { 101: { id: 'tacet@pve!guest-101', secretFile: at('etc/guest-101.secret') } },
        storage: 'local',
      },
    ],
  };
}

async function start(): Promise<Controller> {
  const controller = await startController({
    config: await loadConfig(at('etc/controller.json')),
    log: silentLogger,
    env: {},
  });
  undo.defer(() => controller[Symbol.asyncDispose]());
  return controller;
}

/** Starts a controller for a moment, so that there is one; guest 101 is enrolled with it. */
async function live(): Promise<string> {
  const controller = await start();
  const { fingerprint } = controller;
  await controller[Symbol.asyncDispose]();
  await using store = await openStore(at('state/controller.db'));
  await store.guests.enrol({ id: 'g', vmid: 101, credentialHash: 'h', now: 1 });
  return fingerprint;
}

const backUp = (file = 'backup', withKey = false) =>
  backUpStore({ configPath: at('etc/controller.json'), file: at(file), withKey, now });
const restore = (file = 'backup') =>
  restoreStore({ configPath: at('etc/controller.json'), file: at(file), now });

async function guests(): Promise<number[]> {
  await using store = await openStore(at('state/controller.db'));
  return (await store.guests.list()).flatMap(({ vmid }) => vmid ?? []).toSorted((one, other) => one - other);
}

/** Every file but the backup, with what is in it; of stores, of which SQLite changes how it writes them, the guests. */
async function everything(): Promise<Record<string, unknown>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const kept = files.filter((path) => !/backup$|-(wal|shm)$/.test(path)).toSorted();
  return Object.fromEntries(await Promise.all(kept.map(async (path) => [path, await content(path)])));
}

const content = async (path: string): Promise<unknown> =>
  path.endsWith('.db') ? await guests() : (await digest(path)).sha256;

describe('a backup of the controller', () => {
  it('brings back everything where nothing is left: the certificate, the guests, the secrets', async () => {
    const fingerprint = await live();
    const sealed = await text('etc/guest-101.secret');
    await backUp('backup', true);
    await rm(at('state'), { recursive: true });
    await rm(at('etc'), { recursive: true });
    await mkdir(at('etc'));
    const { missingKey, aside } = await restore();
    expect({ missingKey, aside }).toEqual({ missingKey: undefined, aside: [] });
    expect(await guests()).toEqual([101]);
    expect(await text('etc/guest-101.secret')).toBe(sealed);
    expect(await text('etc/pve-ca.pem')).toBe('the authority');
    expect((await start()).fingerprint).toBe(fingerprint);
  });

  it('is made while the controller runs, of one moment, for its owner only', async () => {
    await using controller = await start();
    const table = await backUp();
    expect((await stat(at('backup'))).mode & 0o777).toBe(0o600);
    expect(table).toMatchObject({ format: 1, version: '0.1.0', madeAt: now.toISOString() });
    expect(await readdir(root)).toEqual(expect.not.arrayContaining([expect.stringMatching(/^backup./)]));
    expect(controller.fingerprint).toBeTruthy();
  });

  it('has no key and no secret in clear, unless the key is asked for', async () => {
    await live();
    await backUp();
    await mkdir(at('out'));
    await run('tar', ['-xzf', at('backup'), '-C', at('out')]);
    const names = await readdir(at('out'));
    expect(names.toSorted()).toEqual([
      'authority-1',
      'backup.json',
      'controller.crt',
      'controller.db',
      'controller.json',
      'controller.key',
      'secret-1',
    ]);
    const key = (await text('etc/controller.key')).trim();
    for (const name of names) {
      const content = await readFile(at(`out/${name}`), 'latin1');
      for (const secret of [SECRET, key, 'PRIVATE KEY']) expect(content).not.toContain(secret);
    }
  });

  it('is not made of secrets in clear, and never over another file', async () => {
    await live();
    await writeFile(at('etc/guest-101.secret'), SECRET, { mode: 0o600 });
    await expect(backUp()).rejects.toMatchObject({ hint: expect.stringContaining('tacet-controller seal') });
    await writeFile(at('backup'), 'precious');
    await expect(backUp()).rejects.toMatchObject({ code: 'conflict' });
    expect(await text('backup')).toBe('precious');
  });
});

describe('restoring the controller', () => {
  it('puts aside what is there', async () => {
    await live();
    await backUp();
    {
      await using store = await openStore(at('state/controller.db'));
      await store.guests.enrol({ id: 'later', vmid: 102, credentialHash: 'h2', now: 1 });
    }
    const { aside } = await restore();
    expect(await guests()).toEqual([101]);
    expect(aside).toContain(at('state/controller.db.before-20261123T030000Z'));
    await rename(at('state/controller.db.before-20261123T030000Z'), at('state/controller.db'));
    expect(await guests()).toEqual([101, 102]);
  });

  it('is refused while a controller runs', async () => {
    await live();
    await backUp();
    await start();
    const before = await everything();
    await expect(restore()).rejects.toMatchObject({
      code: 'conflict',
      hint: expect.stringContaining('systemctl stop tacet-controller'),
    });
    expect(await everything()).toEqual(before);
  });

  it('says which key has to be brought back before the controller can start', async () => {
    await live();
    await backUp();
    await rename(at('etc/controller.key'), at('kept.key'));
    expect(await restore()).toMatchObject({ missingKey: at('etc/controller.key') });
  });

  it('is refused where another key is there than the one that opens it', async () => {
    await live();
    await backUp();
    await writeFile(at('etc/controller.key'), KeyRing.create().toText());
    const before = await everything();
    await expect(restore()).rejects.toMatchObject({ message: expect.stringContaining('another key') });
    expect(await everything()).toEqual(before);
  });

  it('takes the place of a store that is damaged', async () => {
    await live();
    await backUp();
    await writeFile(at('state/controller.db'), 'what a disk leaves');
    await expect(backUp('of-nothing')).rejects.toMatchObject({ code: 'invalid-input' });
    await restore();
    expect(await guests()).toEqual([101]);
  });

  it.each([
    ['cut off', (size: number) => truncate(at('backup'), size - 200)],
    ['empty', () => truncate(at('backup'), 0)],
    ['something else', () => writeFile(at('backup'), 'hello')],
    ['with another store than it says', tamper],
  ])('is refused with a backup that is %s, and nothing is changed', async (_what, damage) => {
    await live();
    await backUp();
    await damage((await stat(at('backup'))).size);
    const before = await everything();
    await expect(restore()).rejects.toMatchObject({ code: 'invalid-input' });
    expect(await everything()).toEqual(before);
  });

  it('is refused with a store of a newer Tacet, which it names', async () => {
    await live();
    const database = new DatabaseSync(at('state/controller.db'));
    database.exec("INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-later', 'x')");
    database.close();
    await backUp();
    await expect(restore()).rejects.toMatchObject({
      code: 'store-too-new',
      message: expect.stringMatching(/written by Tacet 0\.1\.0 \(9999-later\)/),
    });
  });

  it.skipIf(process.geteuid?.() !== 0)(
    'as root follows no journal that somebody else has put there',
    async () => {
      await live();
      await backUp();
      const journal = at('etc/controller.json.restoring');
      await writeFile(journal, '');
      await chown(journal, 65_534, 65_534);
      await expect(restore()).rejects.toMatchObject({
        message: expect.stringContaining('root does not follow'),
      });
      await rm(journal);
      await symlink(at('etc/pve-ca.pem'), at('state/controller.db.restored'));
      await restore();
      expect(await text('etc/pve-ca.pem')).toBe('the authority');
    },
  );

  // Config, store, two TLS files and the secret are moved away and replaced, and `cli.json` is moved away: eleven moves.
  it.each([0, 1, 3, 6, 10])(
    'leaves the state from before when it is killed after %i moves',
    async (moves) => {
      await live();
      await backUp();
      {
        await using store = await openStore(at('state/controller.db'));
        await store.guests.enrol({ id: 'later', vmid: 102, credentialHash: 'h2', now: 1 });
      }
      await writeFile(at('etc/controller.json'), JSON.stringify({ ...config(), leaseMs: 20_000 }));
      const script = join(import.meta.dirname, 'testing/killed-restore.ts');
      const before = await everything();
      const killed = run(process.execPath, [script, at('backup'), at('etc/controller.json'), String(moves)]);
      await expect(killed).rejects.toMatchObject({ signal: 'SIGKILL' });
      expect(await undoCutOffRestore(at('etc/controller.json'))).toBe(true);
      expect(await undoCutOffRestore(at('etc/controller.json'))).toBe(false);
      expect(await everything()).toEqual(before);
      expect(await guests()).toEqual([101, 102]);
      await restore();
      expect(await guests()).toEqual([101]);
    },
  );
});

/** A whole archive with another store in it. */
async function tamper(): Promise<void> {
  await mkdir(at('out'));
  await run('tar', ['-xzf', at('backup'), '-C', at('out')]);
  await openStore(at('out/other.db')).then((store) => store[Symbol.asyncDispose]());
  await rename(at('out/other.db'), at('out/controller.db'));
  await run('tar', ['-czf', at('backup'), '-C', at('out'), ...(await readdir(at('out')))]);
  await rm(at('out'), { recursive: true });
}
