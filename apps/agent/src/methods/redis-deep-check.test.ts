import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExecRequest, ExecResult } from '../engine/engine.ts';
import { deepCheckRedis } from './redis-deep-check.ts';

const signal = new AbortController().signal;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tacet-redis-check-'));
  await mkdir(join(root, 'bin'));
  await mkdir(join(root, 'data/appendonlydir'), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

/** A program of the image: it calls a file damaged that says so itself. */
async function program(name: string): Promise<void> {
  const path = join(root, 'bin', name);
  const script =
    '#!/bin/sh\nif grep -q broken "$1"; then echo offset 200; echo "not valid"; exit 1; fi\necho fine\n';
  await writeFile(path, script);
  await chmod(path, 0o755);
}

async function file(name: string, content: string): Promise<void> {
  await writeFile(join(root, 'data', name), content);
}

/** The container is this machine's own shell, with no other programs than the test's and the system's. */
const engine = {
  exec: async (_id: string, { argv }: ExecRequest): Promise<ExecResult> =>
    await new Promise((resolve) => {
      const [command = '', ...args] = argv;
      const env = { PATH: `${join(root, 'bin')}:/usr/bin:/bin` };
      execFile(command, args, { env }, (error, stdout, stderr) =>
        resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr }),
      );
    }),
};

const client = {
  ask: async ([command = '']: readonly string[]): Promise<string[]> =>
    command === 'CONFIG GET dir' ? ['dir', join(root, 'data')] : [],
};

const check = (persistence: 'append-only' | 'dump' | 'none') =>
  deepCheckRedis(client, persistence, { engine }, { id: 'c' }, signal);

describe('the files of a Redis that runs', () => {
  it('are sound, or told with what its own program says', async () => {
    await program('redis-check-rdb');
    await file('dump.rdb', 'data');
    expect(await check('dump')).toEqual({ looked: ['dump.rdb checked'], findings: [] });
    await file('dump.rdb', 'broken');
    expect((await check('dump')).findings).toMatchObject([
      { marker: 'dump.rdb', expected: 'sound', found: 'not valid' },
    ]);
  });

  it('are those of its manifest, where it has one, and one file where it is older', async () => {
    await program('valkey-check-aof');
    await file('appendonly.aof', 'broken');
    expect((await check('append-only')).findings).toHaveLength(1);
    await file('appendonlydir/appendonly.aof.manifest', 'data');
    expect(await check('append-only')).toEqual({
      looked: ['appendonlydir/appendonly.aof.manifest checked'],
      findings: [],
    });
  });

  it('are not called sound where nobody could look', async () => {
    await rm(join(root, 'data/appendonlydir'), { recursive: true });
    expect(await check('none')).toEqual({ looked: ['keeps nothing on disk'], findings: [] });
    await program('valkey-check-aof');
    expect((await check('append-only')).looked).toEqual(['nothing on disk yet']);
    await rm(join(root, 'data'), { recursive: true });
    expect((await check('dump')).looked[0]).toContain('cannot be read');
  });
});
