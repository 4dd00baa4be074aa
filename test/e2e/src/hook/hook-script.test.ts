import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderHookScript } from '@tacet/cli/src/hook/hook-script.ts';
import type { HookSettings } from '@tacet/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const recordings = join(import.meta.dirname, '..', '..', '..', 'pve-sim', 'fixtures', 'hook-calls.jsonl');
interface RecordedCall {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Every way in which a real vzdump was seen to call its hook, once. */
const recorded = (await readFile(recordings, 'utf8'))
  .trim()
  .split('\n')
  .flatMap((line) => {
    const scenario: { calls: RecordedCall[] } = JSON.parse(line);
    return scenario.calls;
  })
  .filter((call, index, all) => all.findIndex((one) => keyOf(one) === keyOf(call)) === index);

function keyOf({ argv, env }: RecordedCall): string {
  return JSON.stringify([argv, Object.keys(env).toSorted()]);
}

const shells = [
  { name: 'dash', argv: ['/bin/dash'] },
  { name: 'busybox sh', argv: ['/bin/busybox', 'sh'] },
];

let directory: string;
let server: Server;
/** Of every call the lines, without those that are the same in all. */
let asked: string[][];
/** What the controller writes; by default that all is well. */
let answer: (call: string) => string;
let acknowledged: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-script-'));
  asked = [];
  acknowledged = 0;
  answer = (call) => `say heard ${call}\nok\n`;
  server = createServer((socket) => {
    let heard = '';
    socket.on('error', () => undefined); // of a script that was killed
    socket.on('data', (data) => {
      heard += data.toString();
      if (heard.endsWith('ack\n')) {
        acknowledged += 1;
        socket.end();
      } else if (heard.endsWith('\n\n')) {
        const lines = heard.trimEnd().split('\n');
        asked.push(lines.slice(1));
        socket.write(answer(lines[1] ?? ''));
      }
    });
  });
  server.listen(join(directory, 'sock'));
  await once(server, 'listening');
});
afterEach(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly lines: string[];
  readonly ms: number;
}

async function write(settings: Partial<HookSettings> = {}): Promise<string> {
  const script = join(directory, 'hook');
  const all = { socket: join(directory, 'sock'), previous: '', closed: '', patience: 1, ...settings };
  await writeFile(script, await renderHookScript(all), { mode: 0o755 });
  return script;
}

/** As vzdump runs it: nothing in the environment but what it gives, cwd `/`, nothing on standard input. */
async function call(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  command: readonly string[],
): Promise<Ran> {
  const startedMs = performance.now();
  const [program = '', ...before] = command;
  const child = spawn(program, [...before, ...argv], { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += String(data)));
  const [code]: (number | null)[] = await once(child, 'close');
  const ms = performance.now() - startedMs;
  return { code: code ?? null, lines: text.split('\n').filter((line) => line !== ''), ms };
}

const guestEnv = { LC_ALL: 'C', STOREID: 'local', VMTYPE: 'lxc', TARGET: '/dump/x.tar.zst' };

describe.each(shells)('the hook script under $name', ({ name, argv: shell }) => {
  const missing = existsSync(shell[0] ?? '') ? undefined : `${name} is not installed`;

  it.skipIf(missing !== undefined)(
    `takes every recorded call of a real vzdump${missing ? ` (skipped: ${missing})` : ''}`,
    async () => {
      const script = await write();
      expect(recorded.length).toBeGreaterThan(30);
      for (const { argv, env } of recorded) {
        asked = [];
        const { code, lines } = await call(argv, env, [...shell, script]);
        const [phase = '', mode] = argv;
        const isQuiet =
          phase === 'job-init' ||
          phase === 'job-start' ||
          (phase === 'pre-restart' && mode !== 'snapshot') ||
          (phase === 'post-restart' && mode === 'stop');
        const where = ['STOREID', 'TARGET'].flatMap((key) => (env[key] ? [`${key}=${env[key]}`] : []));
        // A job's phases come without mode and VMID.
        const words = [argv[0], argv[1] ?? '', argv[2] ?? ''].join(' ');
        expect({ argv, code, lines, asked }).toEqual({
          argv,
          code: 0,
          lines: isQuiet ? [] : [`tacet: heard call=${words}`],
          asked: isQuiet ? [] : [[`call=${words}`, 'patience=1', ...where]],
        });
      }
    },
  );

  it.skipIf(missing !== undefined)(
    `goes on without a controller, in one line${missing ? ` (skipped: ${missing})` : ''}`,
    async () => {
      const script = await write({ socket: '/nowhere/hook.sock' });
      const { code, lines } = await call(['backup-start', 'snapshot', '101'], guestEnv, [...shell, script]);
      expect({ code, lines }).toEqual({
        code: 0,
        lines: [
          'tacet: no controller at /nowhere/hook.sock (No such file or directory): this guest is not held',
        ],
      });
    },
  );

  it.skipIf(missing !== undefined)(
    `refuses only where it is told to be closed${missing ? ` (skipped: ${missing})` : ''}`,
    async () => {
      answer = () => 'trouble\n';
      const script = await write({ closed: '101 1010' });
      const codes: Record<string, number | null> = {};
      for (const phase of [
        'backup-start',
        'pre-stop',
        'pre-restart',
        'post-restart',
        'backup-end',
        'log-end',
      ]) {
        for (const vmid of ['101', '10']) {
          const argv = [phase, 'snapshot', vmid];
          codes[`${phase} ${vmid}`] = (await call(argv, guestEnv, [...shell, script])).code;
        }
      }
      const refused = Object.entries(codes).filter(([, code]) => code !== 0);
      expect(refused).toEqual([
        ['backup-start 101', 1],
        ['pre-stop 101', 1],
      ]);
    },
  );

  it.skipIf(missing !== undefined)(
    `runs the hook that was there before as vzdump did${missing ? ` (skipped: ${missing})` : ''}`,
    async () => {
      const previous = join(directory, "it's mine");
      const seen = join(directory, 'seen');
      await writeFile(
        previous,
        `#!/bin/sh\necho "$# $* $TARGET" >>'${seen}'\necho mine\necho wrong >&2\n[ "$1" != "$FAIL" ] || exit 42\n`,
        { mode: 0o755 },
      );
      const script = await write({ previous });
      const run = (phase: string, env: Record<string, string> = guestEnv): Promise<Ran> =>
        call([phase, 'snapshot', '101'], env, [...shell, script]);
      // Before a hold, so that nothing stands still for it; after a thaw.
      expect((await run('pre-stop')).lines).toEqual([
        'mine',
        'wrong',
        'tacet: heard call=pre-stop snapshot 101',
      ]);
      expect((await run('pre-restart')).lines).toEqual([
        'tacet: heard call=pre-restart snapshot 101',
        'mine',
        'wrong',
      ]);
      expect((await call(['job-init'], { LC_ALL: 'C' }, [...shell, script])).lines).toEqual([
        'mine',
        'wrong',
      ]);
      expect((await readFile(seen, 'utf8')).trimEnd().split('\n')).toEqual([
        '3 pre-stop snapshot 101 /dump/x.tar.zst',
        '3 pre-restart snapshot 101 /dump/x.tar.zst',
        '1 job-init',
      ]);
      for (const phase of ['backup-start', 'pre-stop', 'pre-restart', 'backup-end', 'log-end']) {
        asked = [];
        expect((await run(phase, { ...guestEnv, FAIL: phase })).code).toBe(42);
        // What it has refused is not held any more for it.
        expect(asked).toHaveLength(phase === 'backup-start' || phase === 'pre-stop' ? 0 : 1);
      }
    },
  );
});

const run = async (phase: string): Promise<Ran> =>
  await call([phase, 'snapshot', '101'], guestEnv, ['/bin/sh', await write()]);

describe('the hook script', () => {
  it('acknowledges an answer that it has heard in time, and no other', async () => {
    await run('pre-stop');
    expect(acknowledged).toBe(1);
    answer = () => '';
    await run('pre-stop');
    expect(acknowledged).toBe(1);
  });

  it('waits for a controller that gives signs of life, and no longer than its patience for one that does not', async () => {
    answer = () => '';
    const silent = await run('pre-stop');
    expect(silent).toMatchObject({
      code: 0,
      lines: ['tacet: no answer of the controller for 1 s: going on without it'],
    });
    expect(silent.ms).toBeLessThan(5_000);
    server.on('connection', (socket) => {
      for (const ms of [500, 1_000, 1_500]) setTimeout(() => socket.write('.\n'), ms);
      setTimeout(() => socket.write('ok\n'), 2_000);
    });
    expect(await run('pre-stop')).toMatchObject({ code: 0, lines: [] });
  });

  it('does not wait for ever for a controller that only gives signs of life', async () => {
    answer = () => '';
    server.on('connection', (socket) => {
      const beat = setInterval(() => socket.write('.\n'), 200);
      socket.on('close', () => clearInterval(beat));
    });
    const { ms, code } = await run('pre-stop');
    expect(code).toBe(0);
    expect(ms).toBeLessThan(12_000);
  }, 20_000);

  it('takes a connection that breaks, an answer in pieces, and one that makes no sense', async () => {
    answer = () => 'say in pie';
    server.once('connection', (socket) => setTimeout(() => socket.write('ces\no'), 100));
    server.once('connection', (socket) => setTimeout(() => socket.write('k\n'), 200));
    expect(await run('backup-end')).toMatchObject({ code: 0, lines: ['tacet: in pieces'] });
    answer = () => 'what?\nsay after all\nok\n';
    expect(await run('backup-end')).toMatchObject({ code: 0 });
    answer = () => '';
    server.once('connection', (socket) => socket.once('data', () => socket.destroy()));
    expect(await run('backup-end')).toMatchObject({
      code: 0,
      lines: ['tacet: the controller hung up: going on without it'],
    });
  });

  it('has nothing to say for virtual machines, and for phases that it does not know', async () => {
    const script = await write();
    const qemu = await call(['backup-start', 'snapshot', '101'], { ...guestEnv, VMTYPE: 'qemu' }, [script]);
    const later = await call(['some-phase', 'snapshot', '101'], guestEnv, [script]);
    expect([qemu, later]).toMatchObject([
      { code: 0, lines: [] },
      { code: 0, lines: [] },
    ]);
    expect(asked).toEqual([]);
  });

  const noNamespace = namespaceObstacle();
  it.skipIf(noNamespace !== undefined)(
    `reaches the controller from the private mount namespace that vzdump gives it${noNamespace ? ` (skipped: ${noNamespace})` : ''}`,
    async () => {
      const command = ['/usr/bin/unshare', '--mount', '--propagation', 'private', await write()];
      const { code, lines } = await call(['pre-stop', 'snapshot', '101'], guestEnv, command);
      expect({ code, lines }).toEqual({ code: 0, lines: ['tacet: heard call=pre-stop snapshot 101'] });
    },
  );
});

function namespaceObstacle(): string | undefined {
  try {
    execFileSync('/usr/bin/unshare', ['--mount', '--propagation', 'private', '/bin/true'], {
      stdio: 'ignore',
    });
    return undefined;
  } catch {
    return 'this user may not make a mount namespace';
  }
}
