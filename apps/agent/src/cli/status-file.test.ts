import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestStatus } from '@tacet/protocol';
import { silentLogger } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Listeners } from '../listeners.ts';
import { describeStatus } from './status.ts';
import { publishStatus, readPublishedStatus } from './status-file.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tacet-status-'));
  path = join(folder, 'run', 'status.json');
});
afterEach(() => rm(folder, { recursive: true }));

const status: GuestStatus = {
  quiesceState: 'held',
  generation: 3,
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      reason: 'Held',
      message: 'held for a backup',
      observedGeneration: 3,
      lastTransitionTime: 1,
    },
  ],
  services: [
    {
      stack: 'shop',
      service: 'db',
      image: 'postgres',
      state: 'running',
      health: 'none',
      restartPolicy: 'no',
    },
  ],
};

describe('what tacet-agent status reads', () => {
  it('is the newest picture, whole, and gone with its agent', async () => {
    const changed = new Listeners();
    let current = { ...status, generation: 1 };
    const agent = { status: () => current, onStatus: (listener: () => void) => changed.add(listener) };
    const publishing = publishStatus(agent, silentLogger, path);
    current = status;
    for (let change = 0; change < 10; change += 1) changed.notify();
    await expect.poll(async () => (await readPublishedStatus(path))?.status.generation).toBe(3);
    expect(await readdir(join(folder, 'run'))).toEqual(['status.json']);
    await publishing.stop();
    expect(await readPublishedStatus(path)).toBeUndefined();
  });

  it('is not believed when its agent is gone', async () => {
    const gone = 2 ** 22 + 1; // above the kernel's largest process id
    path = join(folder, 'status.json');
    await writeFile(path, JSON.stringify({ pid: gone, publishedAt: 1, status }));
    expect(await readPublishedStatus(path)).toBeUndefined();
  });

  it('is told in words', () => {
    expect(describeStatus(status)).toContain('Ready                   False    held for a backup');
    expect(describeStatus(status)).toContain('shop/db                 running    health none, restart no');
  });
});
