import { chmod, cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger, type LogRecord } from '@tacet/runtime';
import { KeyRing } from '@tacet/runtime/sealing';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ControllerConfig, parseConfig } from '../config.ts';
import { type Controller, startController } from '../controller.ts';
import { TestHouse } from '../testing/test-house.ts';
import { rotateKey, sealAll } from './seal-all.ts';

const SECRET = '0b5c3f0e-8f7e-4a52-9d53-6a2c1f1d8f77';
const tokens = ['guest-101', 'restore'] as const;

let house: TestHouse;
let log: LogRecord[];
let open: Controller | undefined;

beforeEach(async () => {
  house = await TestHouse.create();
  log = [];
  open = undefined;
  await Promise.all(tokens.map(put));
  return async () => {
    await open?.[Symbol.asyncDispose]();
    await house[Symbol.asyncDispose]();
  };
});

const at = (name: string): string => join(house.directory, name);
const text = (name: string): Promise<string> => readFile(at(name), 'utf8');
const put = (name: string): Promise<void> => writeFile(at(name), `${SECRET}\n`, { mode: 0o600 });

function config(more: Partial<ControllerConfig> = {}): ControllerConfig {
  const token = (name: string) => ({ id: `tacet@pve!${name}`, secretFile: at(name) });
  return parseConfig({
    listen: { address: '127.0.0.1', port: 0 },
    stateDir: at('state'),
    nodes: [
      {
        name: 'pve1',
        url: 'https://127.0.0.1:1',
        trust: { fingerprint: Array(32).fill('AA').join(':') },
        guestTokens: { 101: token('guest-101') },
        restoreToken: token('restore'),
        storage: 'local',
      },
    ],
    ...more,
  });
}

const sink = (record: LogRecord): void => void log.push(record);

/** Starts a controller, after the one before has ended. */
async function start(
  env: Record<string, string> = {},
  more: Partial<ControllerConfig> = {},
): Promise<Controller> {
  await open?.[Symbol.asyncDispose]();
  open = undefined;
  open = await startController({ config: config(more), log: createLogger({ sink }), env });
  return open;
}

const secretFiles = [...tokens, 'state/controller.key'];

async function expectSealed(): Promise<void> {
  for (const name of secretFiles) {
    const content = await text(name);
    expect(content).toMatch(/^tacet-sealed-1\./);
    expect(content).not.toContain(SECRET);
    expect(content).not.toContain('PRIVATE KEY');
    expect((await stat(at(name))).mode & 0o777).toBe(0o600);
  }
}

describe('secrets on disk', () => {
  it('are sealed at the first start, with a key beside the state directory, and open at the next', async () => {
    const { fingerprint } = await start();
    await expectSealed();
    expect((await stat(at('state.key'))).mode & 0o777).toBe(0o600);
    const key = await text('state.key');
    const sealed = await Promise.all(secretFiles.map(text));

    expect((await start()).fingerprint).toBe(fingerprint);
    expect(await text('state.key')).toBe(key);
    expect(await Promise.all(secretFiles.map(text))).toEqual(sealed);
  });

  it('of a controller from before there was a key are sealed, and agents find the same certificate', async () => {
    const { fingerprint } = await start();
    const keys = KeyRing.parse(await text('state.key'));
    const opened = keys.unseal('controller-tls-key', await text('state/controller.key'));
    if (opened.kind !== 'opened') throw new Error('it does not open');
    await writeFile(at('state/controller.key'), opened.text);
    expect((await start()).fingerprint).toBe(fingerprint);
    await expectSealed();
  });

  it('are sealed with the credential that systemd hands over, and no key file is made', async () => {
    await mkdir(at('credentials'));
    await writeFile(at('credentials/tacet-key'), KeyRing.create().toText(), { mode: 0o440 });
    await start({ CREDENTIALS_DIRECTORY: at('credentials') });
    await expectSealed();
    await expect(stat(at('state.key'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('have their key where the configuration says', async () => {
    const keyFile = at('elsewhere/key');
    await start({}, { keyFile });
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    await expectSealed();
  });

  it('cannot be opened without their key: it says what to do, and makes no other', async () => {
    await start();
    await open?.[Symbol.asyncDispose]();
    await rename(at('state.key'), at('lost.key'));
    const refused = start();
    await expect(refused).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(/state\.key is missing.*controller\.key/),
      hint: expect.stringMatching(/backup.*lost.*--rotate.*enrol every guest again/),
    });
    await expect(stat(at('state.key'))).rejects.toMatchObject({ code: 'ENOENT' });
    await rename(at('lost.key'), at('state.key'));
    await expect(start()).resolves.toBeDefined();
  });

  it('cannot be opened with another key, which is told', async () => {
    await start();
    await writeFile(at('state.key'), KeyRing.create().toText());
    await expect(start()).rejects.toMatchObject({
      message: expect.stringMatching(/controller\.key is sealed with another key/),
      hint: expect.stringContaining('Bring that key file back'),
    });
  });

  it('cannot change places', async () => {
    await start();
    await cp(at('restore'), at('guest-101'));
    await expect(start()).rejects.toMatchObject({
      message: expect.stringMatching(/sealed for something else/),
    });
  });

  it.each([0o644, 0o640])('are not touched with a key of mode %o', async (mode) => {
    await start();
    await chmod(at('state.key'), mode);
    await expect(start()).rejects.toMatchObject({ hint: `chmod 600 ${at('state.key')}` });
  });

  it('that cannot be sealed are used all the same, and the log says so', async () => {
    // What cannot be made there cannot take its place.
    await mkdir(join(at('restore.new'), 'in-the-way'), { recursive: true });
    await start();
    expect(await text('restore')).toBe(`${SECRET}\n`);
    const warning = log.find(({ level }) => level === 'warn');
    expect(warning).toMatchObject({ fields: { path: at('restore'), hint: expect.stringContaining('seal') } });
    expect(JSON.stringify(log)).not.toContain(SECRET);

    await rm(at('restore.new'), { recursive: true });
    expect(await sealAll(config(), {})).toEqual([at('restore')]);
    expect(await sealAll(config(), {})).toEqual([]);
    await expectSealed();
  });
});

describe('a new key', () => {
  it('seals everything anew, and what was forgotten still opens', async () => {
    const { fingerprint } = await start();
    const [forgotten, ...named] = await Promise.all(secretFiles.map(text));
    const before = KeyRing.parse(await text('state.key')).ids;
    const rotated = await rotateKey(config(), {});
    expect(rotated).toMatchObject({ path: at('state.key'), sealed: expect.arrayContaining([at('restore')]) });
    expect(rotated.sealed).toHaveLength(3);
    const after = KeyRing.parse(await text('state.key')).ids;
    expect(after.slice(1)).toEqual(before);
    for (const name of secretFiles) expect(await text(name)).toContain(after[0]);

    await writeFile(at('guest-101'), forgotten ?? '');
    expect(named).toHaveLength(2);
    expect((await start()).fingerprint).toBe(fingerprint);
    expect(await text('guest-101')).toContain(after[0]);
  });

  it('that was made, and then nothing more, opens everything', async () => {
    const { fingerprint } = await start();
    const keys = KeyRing.parse(await text('state.key'));
    await writeFile(at('state.key'), keys.rotated().toText());
    expect((await start()).fingerprint).toBe(fingerprint);
    await expectSealed();
  });

  it('cannot be put into a credential of systemd', async () => {
    await mkdir(at('credentials'));
    await mkdir(at('state'));
    await writeFile(at('credentials/tacet-key'), KeyRing.create().toText(), { mode: 0o400 });
    await expect(rotateKey(config(), { CREDENTIALS_DIRECTORY: at('credentials') })).rejects.toMatchObject({
      code: 'invalid-input',
      hint: expect.stringContaining('keyFile'),
    });
  });
});
