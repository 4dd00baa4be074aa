import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodes } from '../exit-codes.ts';
import { run } from '../run.ts';

const shipped = '# vzdump default settings\n\n#script: FILENAME\nstorage: local\n';

let directory: string;
const at = (name: string): string => join(directory, name);
const conf = (): Promise<string> => readFile(at('vzdump.conf'), 'utf8');

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-install-'));
  await writeFile(at('vzdump.conf'), shipped, { mode: 0o640 });
});
afterEach(() => rm(directory, { recursive: true }));

async function tacet(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const spoken = { code: -1, out: '', err: '' };
  const [first = '', ...rest] = argv;
  const places = [
    '--vzdump-conf',
    at('vzdump.conf'),
    '--script',
    at('bin/hook'),
    '--vzdump-lock',
    at('lock'),
  ];
  spoken.code = await run({
    argv: [...(first === '--json' ? [first, 'hook', ...rest] : ['hook', ...argv]), ...places],
    env: {},
    stdout: (text) => void (spoken.out += text),
    stderr: (text) => void (spoken.err += text),
    signal: new AbortController().signal,
  });
  return spoken;
}

async function writeHook(name: string, mode = 0o755): Promise<string> {
  await writeFile(at(name), '#!/bin/sh\nexit 0\n');
  await chmod(at(name), mode);
  return at(name);
}

/** A controller that says that it has heard. */
async function controller(answer: string): Promise<{ path: string } & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(answer));
  });
  server.listen(at('hook.sock'));
  await once(server, 'listening');
  return {
    path: at('hook.sock'),
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

describe('tacet hook install', () => {
  it('has vzdump run a script that anybody may read and only root may change, and keeps the rest of its file', async () => {
    const { code, out } = await tacet('install');
    expect(await conf()).toBe(`${shipped}script: ${at('bin/hook')}\n`);
    expect((await stat(at('vzdump.conf'))).mode & 0o777).toBe(0o640);
    expect((await stat(at('bin/hook'))).mode & 0o777).toBe(0o755);
    expect(out).toContain('does not answer');
    expect(code).toBe(exitCodes.below);
  });

  it('changes nothing when it is done again', async () => {
    const mine = await writeHook('mine');
    await writeFile(at('vzdump.conf'), `${shipped}script: ${mine}\n`);
    await tacet('install', '--socket', '/run/x.sock', '--fail-closed', '101,102', '--patience', '10');
    const [script, after] = [await readFile(at('bin/hook'), 'utf8'), await conf()];
    await tacet('install');
    expect([await readFile(at('bin/hook'), 'utf8'), await conf()]).toEqual([script, after]);
    expect(script).toContain("\nclosed='101 102'\n");
    const { out } = await tacet('--json', 'status');
    expect(JSON.parse(out)).toMatchObject({
      installed: true,
      socket: '/run/x.sock',
      previous: mine,
      closed: '101 102',
      patience: 10,
    });
  });

  it('says that all is well when the controller does', async () => {
    await using server = await controller('say the controller answers\nok\n');
    const installed = await tacet('install', '--socket', server.path);
    expect(installed).toMatchObject({
      code: exitCodes.ok,
      out: expect.stringContaining('the controller answers'),
    });
    expect(await tacet('status')).toMatchObject({ code: exitCodes.ok });
  });

  it('passes on what the controller objects to', async () => {
    await using server = await controller('say the script waits for too long\ntrouble\n');
    expect(await tacet('install', '--socket', server.path)).toMatchObject({
      code: exitCodes.below,
      out: expect.stringContaining('waits for too long'),
    });
  });

  it('opens to a guest again', async () => {
    await tacet('install', '--fail-closed', 'all');
    expect((await tacet('install', '--fail-closed', 'none')).out).toContain('no guest');
  });

  it('follows a configuration that is a link', async () => {
    await rm(at('vzdump.conf'));
    await writeFile(at('real.conf'), shipped);
    await symlink(at('real.conf'), at('vzdump.conf'));
    await tacet('install');
    expect(await readFile(at('real.conf'), 'utf8')).toContain('script: ');
    expect(await conf()).toContain('script: ');
  });

  it.each([
    ['a node that is none', () => rm(at('vzdump.conf')), /there is no .*vzdump\.conf/],
    [
      'a script of somebody else in its place',
      async () => {
        await tacet('install');
        await tacet('uninstall');
        await writeHook('bin/hook');
      },
      /is there already/,
    ],
    [
      'a hook that does not exist',
      () => writeFile(at('vzdump.conf'), 'script: /nowhere/hook\n'),
      /\/nowhere\/hook, does not exist/,
    ],
    [
      'a hook that cannot be run',
      async () => writeFile(at('vzdump.conf'), `script: ${await writeHook('mine', 0o644)}\n`),
      /is not executable/,
    ],
    [
      'itself, in another place',
      async () => {
        await tacet('install');
        await rename(at('bin/hook'), at('other'));
        await writeFile(at('vzdump.conf'), `script: ${at('other')}\n`);
      },
      /Tacet's hook is installed as/,
    ],
  ])('refuses %s, with a hint, and changes nothing', async (_, arrange, message) => {
    await arrange();
    const before = await conf().catch(() => undefined);
    const { code, err } = await tacet('install');
    expect(err).toMatch(message);
    expect(err).toContain('hint: ');
    expect(code).toBe(exitCodes.failed);
    expect(await conf().catch(() => undefined)).toBe(before);
  });

  it.each([
    ['--fail-closed', 'x'],
    ['--patience', '2'],
    ['--socket', 'relative'],
  ])('refuses %s %s', async (...option) => {
    expect((await tacet('install', ...option)).code).toBe(exitCodes.usage);
    expect(await conf()).toBe(shipped);
  });
});

describe('tacet hook uninstall', () => {
  it('leaves the configuration as it was before', async () => {
    await tacet('install');
    expect(await tacet('uninstall')).toMatchObject({ code: exitCodes.ok });
    expect(await conf()).toBe(shipped);
    await expect(stat(at('bin/hook'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await tacet('uninstall')).toMatchObject({
      code: exitCodes.ok,
      out: expect.stringContaining('not installed'),
    });
    expect(await tacet('status')).toMatchObject({
      code: exitCodes.below,
      out: expect.stringContaining('Not installed'),
    });
  });

  it('gives vzdump its hook back', async () => {
    const before = `# mine\nscript: ${await writeHook("it's mine")}\nmode: stop\n`;
    await writeFile(at('vzdump.conf'), before);
    await tacet('install');
    await tacet('uninstall');
    expect(await conf()).toBe(before);
  });

  it('leaves alone what has taken its place', async () => {
    await tacet('install');
    const other = `script: ${await writeHook('other')}\n`;
    await writeFile(at('vzdump.conf'), other);
    expect(await tacet('uninstall')).toMatchObject({ code: exitCodes.failed, err: /names another hook now/ });
    expect(await conf()).toBe(other);
    expect((await stat(at('bin/hook'))).isFile()).toBe(true);
  });

  it('does not guess what vzdump ran before, when its script is gone', async () => {
    await tacet('install');
    await rm(at('bin/hook'));
    expect(await tacet('uninstall')).toMatchObject({ code: exitCodes.failed, err: /hint: / });
    expect(await conf()).toContain('script: ');
  });

  it('waits for no vzdump that runs, and does not take its hook away', async () => {
    await tacet('install');
    const lock = 'open(my $f, ">>", $ARGV[0]); flock($f, 2); $| = 1; print "locked\\n"; sleep 60';
    const vzdump = spawn('/usr/bin/perl', ['-e', lock, at('lock')], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(vzdump.stdout, 'data');
      expect(await tacet('uninstall')).toMatchObject({ code: exitCodes.failed, err: /a vzdump is running/ });
      expect((await stat(at('bin/hook'))).isFile()).toBe(true);
    } finally {
      vzdump.kill('SIGKILL');
      await once(vzdump, 'close');
    }
    expect(await tacet('uninstall')).toMatchObject({ code: exitCodes.ok });
  });
});
