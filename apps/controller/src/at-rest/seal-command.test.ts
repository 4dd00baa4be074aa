import { execFile } from 'node:child_process';
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, it } from 'vitest';

/** `nobody` everywhere that this runs. */
const service = 65_534;
const main = join(import.meta.dirname, '..', 'main.ts');
const isRoot = process.geteuid?.() === 0;

let root: string;
const at = (name: string): string => join(root, 'etc', name);

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tacet-seal-command-'));
  await chmod(root, 0o755);
  for (const directory of [at(''), at('state')]) {
    await mkdir(directory);
    if (isRoot) await chown(directory, service, service);
  }
  return () => rm(root, { recursive: true });
});

async function give(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  if (isRoot) await chown(path, service, service);
}

async function configure(secretFile: string): Promise<void> {
  const node = {
    name: 'pve1',
    url: 'https://127.0.0.1:1',
    trust: { fingerprint: Array.from({ length: 32 }, () => 'AA').join(':') },
    storage: 'local',
    backupToken: { id: 'tacet@pve!backup', secretFile },
  };
  const config = {
    listen: { address: '127.0.0.1', port: 0 },
    stateDir: at('state'),
    keyFile: at('controller.key'),
    nodes: [node],
  };
  await give(at('controller.json'), JSON.stringify(config));
}

const run = (command: string, config = at('controller.json')) =>
  promisify(execFile)(process.execPath, [main, command, '--config', config], { timeout: 60_000 });
const seal = () => run('seal');

it.runIf(isRoot)('seals what is the controller’s, and leaves it the controller’s (needs root)', async () => {
  await give(at('own.secret'), 'hush');
  await configure(at('own.secret'));
  const { stdout } = await seal();
  expect(stdout).toContain(`sealed  ${at('own.secret')}`);
  expect(await readFile(at('own.secret'), 'utf8')).toMatch(/^tacet-sealed-1\./);
  expect(await lstat(at('own.secret'))).toMatchObject({ uid: service, gid: service });
});

it.runIf(isRoot)(
  'follows no link of the controller’s user to what is root’s alone (needs root)',
  async () => {
    const roots = join(root, 'roots-own');
    await writeFile(roots, 'a key of root\n', { mode: 0o600 });
    await symlink(roots, at('planted.secret'));
    await configure(at('planted.secret'));
    await expect(seal()).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('planted.secret'),
    });
    expect(await readFile(roots, 'utf8')).toBe('a key of root\n');
  },
);

it.each(['seal', 'rotate-key'])('%s says what to do where no controller has started yet', async (command) => {
  await give(at('own.secret'), 'hush');
  await configure(at('own.secret'));
  await rm(at('state'), { recursive: true });
  await expect(run(command)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^tacet-controller: the state directory \S+state cannot be read.*\nhint: .*stateDir/,
    ),
  });
  await expect(lstat(at('controller.key'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await readFile(at('own.secret'), 'utf8')).toBe('hush');
});

it.each(['seal', 'rotate-key'])('%s says which configuration it cannot read', async (command) => {
  await expect(run(command, at('nowhere/controller.json'))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`cannot read the configuration ${at('nowhere/controller.json')}`),
  });
});
