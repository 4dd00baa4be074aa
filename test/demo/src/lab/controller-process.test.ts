import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { ControllerProcess } from './controller-process.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-process-'));
  return () => rm(directory, { recursive: true });
});

const start = (port: number, signal: AbortSignal): Promise<ControllerProcess> =>
  ControllerProcess.start(
    directory,
    { listen: { address: '127.0.0.1', port }, stateDir: join(directory, 'state'), nodes: [] },
    signal,
  );

describe('a controller process that does not come up', () => {
  it('says why: its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(start(port, new AbortController().signal)).rejects.toThrow(/EADDRINUSE/);
    other.close();
  });

  it('is not left behind by whoever gave up waiting for it', async () => {
    const giveUp = new AbortController();
    const started = start(0, giveUp.signal);
    setTimeout(() => giveUp.abort(new Error('enough')), 50);
    await expect(started).rejects.toThrow('enough');
    const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
    expect(stdout).not.toContain(directory);
  });
});
