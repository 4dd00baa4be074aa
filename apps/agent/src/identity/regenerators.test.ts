import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../guest/run-program.ts';
import { replaceAll, undoBegun } from './aside.ts';
import { linuxRegenerators } from './linux-regenerators.ts';
import type { Regenerated } from './regenerators.ts';
import { regenerateSshHostKeys } from './ssh-host-keys.ts';

const exec = promisify(execFile);
const hasKeygen = (process.env['PATH'] ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'ssh-keygen')));

let root: string;
let stateDir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tacet-regenerate-'));
  stateDir = join(root, 'var/lib/tacet');
});
afterEach(() => rm(root, { recursive: true }));

const signal = new AbortController().signal;
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

async function write(path: string, content: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
  await chmod(join(root, path), mode);
}

async function regenerate(thing: 'machine-id' | 'ssh-host-keys' | 'engine-id'): Promise<Regenerated> {
  return await linuxRegenerators(stateDir, root)[thing](signal);
}

/** Everything below a folder whose name tells of a replacement that was not cleaned up. */
async function leftOvers(): Promise<string[]> {
  const all = await readdir(root, { recursive: true });
  return all.filter((path) => /tacet-|aside\.json|\/new$/.test(path));
}

async function oldKeys(...names: string[]): Promise<void> {
  for (const name of names) {
    await write(`etc/ssh/${name}`, `old ${name}`, 0o600);
    await write(`etc/ssh/${name}.pub`, `kind b2xk old ${name}`);
  }
}

const folder = (): string => join(stateDir, 'regenerate/ssh-host-keys');

/** An `ssh-keygen` that makes one kind of key. */
const makesOne: typeof runProgram = async ([, , , staging = '']) => {
  for (const end of ['', '.pub'])
    await writeFile(join(staging, `etc/ssh/ssh_host_ed25519_key${end}`), 'kind bmV3 new');
  return { exitCode: 0, stdout: '', stderr: '' };
};

const oldId = '6f1d2c3b4a5968778695a4b3c2d1e0f1';

describe('the machine-id', () => {
  it('is another one afterwards, with D-Bus’s own beside it, and is told by its fingerprint', async () => {
    await write('etc/machine-id', `${oldId}\n`, 0o444);
    await write('var/lib/dbus/machine-id', `${oldId}\n`);
    const outcome = await regenerate('machine-id');
    const after = await read('etc/machine-id');
    expect(after).toMatch(/^[0-9a-f]{32}\n$/);
    expect(after).not.toBe(`${oldId}\n`);
    expect(await read('var/lib/dbus/machine-id')).toBe(after);
    expect((await stat(join(root, 'etc/machine-id'))).mode & 0o777).toBe(0o444);
    expect(JSON.stringify(outcome)).not.toContain(after.trim());
    expect(JSON.stringify(outcome)).not.toContain(oldId);
    expect(outcome).toMatchObject({
      kind: 'changed',
      changes: [{ name: 'machine-id', before: expect.stringMatching(/^sha256:[0-9a-f]{16}$/) }],
    });
    expect(await leftOvers()).toEqual([]);
  });

  it('leaves a link of D-Bus what it is', async () => {
    await write('etc/machine-id', `${oldId}\n`);
    await mkdir(join(root, 'var/lib/dbus'), { recursive: true });
    await symlink('/etc/machine-id', join(root, 'var/lib/dbus/machine-id'));
    expect((await regenerate('machine-id')).kind).toBe('changed');
    expect((await readdir(join(root, 'var/lib/dbus'), { withFileTypes: true }))[0]?.isSymbolicLink()).toBe(
      true,
    );
  });

  it.each(['', 'uninitialized\n'])(
    'that the guest gets at its next start is left to it: %j',
    async (content) => {
      await write('etc/machine-id', content);
      expect(await regenerate('machine-id')).toMatchObject({ kind: 'nothing' });
      expect(await read('etc/machine-id')).toBe(content);
    },
  );
});

describe('the engine’s id', () => {
  it('is another one at its next start', async () => {
    await write('var/lib/docker/engine-id', '3f0c3e1e-6f3b-4a52-9c5e-1f8e0a9d2b11', 0o600);
    const outcome = await regenerate('engine-id');
    expect(await read('var/lib/docker/engine-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(outcome).toMatchObject({ kind: 'changed', takesEffect: expect.stringContaining('starts again') });
  });

  it('is found where the engine’s data are', async () => {
    await write('etc/docker/daemon.json', '{"data-root":"/srv/docker","log-driver":"journald"}');
    await write('srv/docker/engine-id', '3f0c3e1e-6f3b-4a52-9c5e-1f8e0a9d2b11');
    await regenerate('engine-id');
    expect(await read('srv/docker/engine-id')).not.toContain('3f0c3e1e');
  });

  it('that is kept in no file is no failure', async () => {
    expect(await regenerate('engine-id')).toMatchObject({ kind: 'nothing' });
  });
});

describe('SSH host keys', () => {
  it('that there are none of are no failure', async () => {
    await write('etc/ssh/sshd_config', '');
    expect(await regenerate('ssh-host-keys')).toMatchObject({ kind: 'nothing' });
  });

  it.skipIf(!hasKeygen)(
    `of the kinds that there were are others afterwards, whole${hasKeygen ? '' : ' (needs ssh-keygen)'}`,
    { timeout: 60_000 },
    async () => {
      await mkdir(join(root, 'etc/ssh'), { recursive: true });
      for (const kind of ['ed25519', 'ecdsa']) {
        const file = join(root, `etc/ssh/ssh_host_${kind}_key`);
        await exec('ssh-keygen', ['-q', '-t', kind, '-N', '', '-f', file]);
      }
      const before = await read('etc/ssh/ssh_host_ed25519_key');
      const outcome = await regenerate('ssh-host-keys');
      expect((await readdir(join(root, 'etc/ssh'))).toSorted()).toEqual([
        'ssh_host_ecdsa_key',
        'ssh_host_ecdsa_key.pub',
        'ssh_host_ed25519_key',
        'ssh_host_ed25519_key.pub',
      ]);
      expect(await read('etc/ssh/ssh_host_ed25519_key')).not.toBe(before);
      for (const kind of ['ed25519', 'ecdsa']) {
        const key = join(root, `etc/ssh/ssh_host_${kind}_key`);
        expect((await stat(key)).mode & 0o777).toBe(0o600);
        const { stdout: derived } = await exec('ssh-keygen', ['-y', '-f', key]);
        expect(await readFile(`${key}.pub`, 'utf8')).toContain(derived.split(' ')[1]?.trim());
        const { stdout } = await exec('ssh-keygen', ['-l', '-f', `${key}.pub`]);
        const change = outcome.kind === 'changed' && outcome.changes.find(({ name }) => name.includes(kind));
        expect(stdout.split(' ')[1]).toBe(change && change.after);
      }
      expect(JSON.stringify(outcome)).not.toContain('PRIVATE');
      expect(await leftOvers()).toEqual([]);
    },
  );

  it('are left where the guest has no ssh-keygen', async () => {
    await oldKeys('ssh_host_ed25519_key');
    const none: typeof runProgram = () => runProgram(['no-such-ssh-keygen'], {}, signal);
    await expect(regenerateSshHostKeys(root, folder(), none, signal)).rejects.toMatchObject({
      code: 'not-found',
    });
    expect(await read('etc/ssh/ssh_host_ed25519_key')).toBe('old ssh_host_ed25519_key');
    expect(await leftOvers()).toEqual([]);
  });

  it('are left, all of them, where ssh-keygen does not make one of the kinds', async () => {
    await oldKeys('ssh_host_ed25519_key', 'ssh_host_dsa_key');
    await expect(regenerateSshHostKeys(root, folder(), makesOne, signal)).rejects.toThrow(
      'it makes no ssh_host_dsa_key',
    );
    expect(await read('etc/ssh/ssh_host_ed25519_key')).toBe('old ssh_host_ed25519_key');
  });

  it('are left where somebody has certified one', async () => {
    await oldKeys('ssh_host_ed25519_key');
    await write('etc/ssh/ssh_host_ed25519_key-cert.pub', 'certificate');
    await expect(regenerate('ssh-host-keys')).rejects.toThrow('is certified');
    expect(await read('etc/ssh/ssh_host_ed25519_key')).toBe('old ssh_host_ed25519_key');
  });
});

describe('a replacement of files', () => {
  it('that fails in its middle leaves all of them as they were', async () => {
    await write('a', 'old a');
    await write('b/b', 'old b');
    const files = [
      { path: join(root, 'a'), content: 'new a' },
      { path: join(root, 'b/b'), content: 'new b' },
    ];
    const broken = files.map((file, index) => (index === 0 ? file : { ...file, content: noText }));
    await expect(replaceAll(broken, folder())).rejects.toThrow('data');
    expect([await read('a'), await read('b/b')]).toEqual(['old a', 'old b']);
    expect(await leftOvers()).toEqual([]);
  });

  it('that its process died over is undone by the next', async () => {
    await write('a', 'new a');
    await write('b', 'old b');
    await mkdir(folder(), { recursive: true });
    const like = { mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const kept = ['a', 'b'].map((name) => ({ path: join(root, name), content: `old ${name}`, ...like }));
    await writeFile(join(folder(), 'aside.json'), JSON.stringify(kept));
    await undoBegun(folder());
    await undoBegun(folder());
    expect([await read('a'), await read('b')]).toEqual(['old a', 'old b']);
    expect((await stat(join(root, 'a'))).mode & 0o777).toBe(0o640);
    expect(await leftOvers()).toEqual([]);
  });
});

/** What no file takes: its writing fails, after the file before it was replaced. */
const noText = Symbol('no text') as unknown as string;
