import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, TacetError } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askAgent } from './ask-agent.ts';
import { openControlSocket } from './control-socket.ts';

const options = { log: silentLogger };
const signal = AbortSignal.timeout(10_000);

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-control-'));
  path = join(directory, 'run', 'agent.sock');
});
afterEach(() => rm(directory, { recursive: true }));

describe('the control socket', () => {
  it('lets the guest’s root, and nobody else, ask the running agent', async () => {
    await using _ = await openControlSocket(() => ({ count: async () => ({ to: 3 }) }), { ...options, path });
    expect(await askAgent('count', signal, path)).toEqual({ answer: { to: 3 } });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('gives the refusal of a command as it was', async () => {
    const refusal = new TacetError('it is held', { code: 'conflict', hint: 'Wait.', retryable: true });
    await using _ = await openControlSocket(() => ({ count: () => Promise.reject(refusal) }), {
      ...options,
      path,
    });
    await expect(askAgent('count', signal, path)).rejects.toMatchObject({
      message: 'it is held',
      code: 'conflict',
      hint: 'Wait.',
      retryable: true,
    });
    await expect(askAgent('dance', signal, path)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is held by one agent at a time', async () => {
    await using _ = await openControlSocket(() => ({}), { ...options, path });
    await expect(openControlSocket(() => ({}), { ...options, path })).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('takes the place of one that was killed', async () => {
    expect(await askAgent('count', signal, path)).toBeUndefined();
    const first = await openControlSocket(() => ({ count: async () => 1 }), { ...options, path });
    await first[Symbol.asyncDispose]();
    const left = createServer();
    // A socket file that nobody listens on, as a killed process leaves it.
    await new Promise<void>((resolve) => left.listen(path, resolve));
    await rename(path, `${path}.kept`);
    await new Promise<void>((resolve) => left.close(() => resolve()));
    await rename(`${path}.kept`, path);
    expect(await askAgent('count', signal, path)).toBeUndefined();
    await using _ = await openControlSocket(() => ({ count: async () => 2 }), { ...options, path });
    expect(await askAgent('count', signal, path)).toEqual({ answer: 2 });
  });
});
