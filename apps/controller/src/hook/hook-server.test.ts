import { once } from 'node:events';
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HookCall } from './hook-call.ts';
import { HookServer } from './hook-server.ts';

let directory: string;
let path: string;
let handle: (call: HookCall) => Promise<void>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-socket-'));
  path = join(directory, 'hook.sock');
  handle = async (call) => void (await call.conclude('ok'));
});
afterEach(() => rm(directory, { recursive: true }));

const open = (): Promise<HookServer> =>
  HookServer.listen({ path, clock: systemClock, log: silentLogger, handle: (call) => handle(call) });

const good = 'tacet-hook 1\ncall=pre-stop snapshot 101\npatience=20\n\n';

/** Sends it, and acknowledges what comes. @returns what came until the controller hung up. */
async function ask(text: string, { acknowledges = true } = {}): Promise<string[]> {
  const socket = connect(path);
  await once(socket, 'connect');
  socket.write(text);
  let heard = '';
  socket.on('data', (data) => {
    heard += String(data);
    if (acknowledges && /^(ok|trouble)$/m.test(heard)) socket.write('ack\n');
  });
  await once(socket, 'close');
  return heard.split('\n').filter((line) => line !== '');
}

describe('the socket of the hook', () => {
  it('is for root and the controller alone', async () => {
    await using _server = await open();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is gone with its controller, and taken over from one that was killed', async () => {
    await (await open())[Symbol.asyncDispose]();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    const killed = createServer().listen(join(directory, 'other'));
    await once(killed, 'listening');
    await rename(join(directory, 'other'), path);
    killed.close();
    await using _server = await open();
    expect(await ask(good)).toEqual(['ok']);
  });

  it('is not taken from a controller that lives, nor from a file that is something else', async () => {
    {
      await using _server = await open();
      await expect(open()).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringContaining('another controller listens'),
      });
      expect(await ask(good)).toEqual(['ok']);
    }
    await writeFile(path, 'mine');
    await expect(open()).rejects.toMatchObject({ code: 'invalid-input', hint: expect.any(String) });
    expect((await stat(path)).isFile()).toBe(true);
  });

  it('needs its directory', async () => {
    path = '/nowhere/hook.sock';
    await expect(open()).rejects.toMatchObject({ hint: expect.stringContaining('directory') });
  });
});

describe('a call of the hook', () => {
  it.each([
    ['of another version', 'tacet-hook 2\ncall=pre-stop snapshot 101\npatience=20\n\n'],
    ['of an unknown phase', 'tacet-hook 1\ncall=pre-lunch snapshot 101\npatience=20\n\n'],
    ['of no VMID', 'tacet-hook 1\ncall=pre-stop snapshot x\npatience=20\n\n'],
    ['in HTTP', 'GET / HTTP/1.1\r\n\n\n'],
    ['without end', 'x'.repeat(20_000)],
  ])('%s is told what to do, and has a free hand', async (_, text) => {
    await using _server = await open();
    expect(await ask(text)).toEqual([expect.stringContaining('tacet hook install'), 'trouble']);
  });

  it('is answered when its handling fails, with the reason in one line', async () => {
    handle = () => Promise.reject(new Error('the disk\nis full\u001b[31m'));
    await using _server = await open();
    expect(await ask(good)).toEqual(['say the controller failed: the disk; is full [31m', 'trouble']);
  });

  it('knows whether its answer was heard', async () => {
    const heard: boolean[] = [];
    handle = async (call) => void heard.push(await call.conclude('ok'));
    await using _server = await open();
    await ask(good);
    await ask(good, { acknowledges: false });
    expect(heard).toEqual([true, false]);
  });

  it('knows at once when the script has gone', async () => {
    let gone: unknown;
    handle = async (call) => {
      await once(call.gone, 'abort');
      gone = call.gone.reason;
    };
    await using _server = await open();
    const socket = connect(path);
    await once(socket, 'connect');
    socket.write(good);
    setTimeout(() => socket.destroy(), 50);
    await expect.poll(() => gone).toMatchObject({ message: 'the hook script has gone' });
  });

  it('that waits is let go when the controller stops', async () => {
    handle = async (call) => void (await once(call.gone, 'abort'));
    const server = await open();
    const asking = ask(good);
    await expect.poll(async () => (await stat(path)).isSocket()).toBe(true);
    setTimeout(() => void server[Symbol.asyncDispose](), 50);
    expect(await asking).toEqual([]);
  });

  it('gives signs of life while it is worked on', async () => {
    handle = async (call) => {
      await systemClock.sleep(1_200);
      await call.conclude('ok');
    };
    await using _server = await open();
    const heard = await ask(good.replace('patience=20', 'patience=1'));
    expect(heard.filter((line) => line === '.').length).toBeGreaterThan(1);
    expect(heard.at(-1)).toBe('ok');
  });
});
