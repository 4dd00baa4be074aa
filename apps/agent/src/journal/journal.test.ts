import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { VersionedDocument } from './document.ts';
import { Journal } from './journal.ts';
import type { QuiesceRecord } from './schemas.ts';

const record: QuiesceRecord = {
  version: 2,
  operationId: 'op-1',
  state: 'held',
  bootId: 'boot-1',
  armedAt: 1,
  lease: { grantedAt: 1, expiresAt: 2, ceilingAt: 3 },
  steps: [
    [
      {
        stack: 'shop',
        service: 'db',
        containerId: 'c1',
        action: 'freeze',
        method: 'postgres',
        cgroup: '/sys/fs/cgroup/c1',
      },
    ],
  ],
};

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'tacet-journal-'))));
afterEach(() => rm(directory, { recursive: true }));

describe('the journal', () => {
  it('gives a fresh process what the last one wrote', async () => {
    await new Journal(join(directory, 'not', 'yet')).writeQuiesce(record);
    expect(await new Journal(join(directory, 'not', 'yet')).readQuiesce()).toEqual({
      kind: 'present',
      value: record,
    });
  });

  it('keeps the word that was said last, however the disk mixes them up', async () => {
    for (let round = 0; round < 200; round += 1) {
      const journal = new Journal(join(directory, String(round)));
      const noise = Array.from({ length: 8 }, () => readdir(directory));
      const held = journal.writeQuiesce({ ...record, state: 'held' });
      const idle = journal.writeQuiesce({ ...record, state: 'idle' });
      await Promise.all([held, idle, ...noise]);
      expect(await journal.readQuiesce()).toMatchObject({ value: { state: 'idle' } });
    }
  });

  it('is empty at first', async () => {
    const journal = new Journal(directory);
    expect(await journal.readQuiesce()).toEqual({ kind: 'absent' });
    expect(await journal.readManifest()).toBeUndefined();
    expect(await journal.readRestartPolicyChanges()).toEqual([]);
  });

  it.each([
    ['torn', JSON.stringify(record).slice(0, 60)],
    ['emptied', ''],
    ['of another shape', '{"version":1,"state":"asleep"}'],
    ['without a version', '{"state":"held"}'],
  ])('sets a file aside that is %s, and goes on', async (_what, content) => {
    await writeFile(join(directory, 'quiesce.json'), content);
    const journal = new Journal(directory, { clock: new ManualClock(0) });
    const result = await journal.readQuiesce();
    const setAside = join(directory, 'quiesce.json.corrupt-1970-01-01T000000.000Z');
    expect(result).toEqual({ kind: 'corrupt', setAside });
    expect(await readFile(setAside, 'utf8')).toBe(content);
    await journal.writeQuiesce(record);
    expect(await journal.readQuiesce()).toEqual({ kind: 'present', value: record });
  });

  it('neither reads nor overwrites what a newer agent has written', async () => {
    const newer = '{"version":3,"lots":"more"}';
    await writeFile(join(directory, 'quiesce.json'), newer);
    const journal = new Journal(directory);
    expect(await journal.readQuiesce()).toEqual({ kind: 'too-new', version: 3 });
    await expect(journal.writeQuiesce(record)).rejects.toMatchObject({ code: 'unsupported-version' });
    expect(await readFile(join(directory, 'quiesce.json'), 'utf8')).toBe(newer);
  });

  it('reads what an agent of version 1 had held, as a restored copy has it', async () => {
    const hold = { stack: 'shop', containerId: 'c', cgroup: '/sys/fs/cgroup/c' };
    const old = {
      ...record,
      version: 1,
      steps: undefined,
      holds: [
        { ...hold, service: 'db', method: 'postgres' },
        { ...hold, service: 'cache', method: 'redis' },
        { ...hold, service: 'wiki', method: 'stop' },
      ],
    };
    await writeFile(join(directory, 'quiesce.json'), JSON.stringify(old));
    expect(await new Journal(directory).readQuiesce()).toMatchObject({
      kind: 'present',
      value: {
        version: 2,
        state: 'held',
        steps: [
          [
            { service: 'db', action: 'freeze', method: 'postgres', cgroup: hold.cgroup },
            { service: 'cache', action: 'lock', method: 'redis' },
            { service: 'wiki', action: 'stop', method: 'stop' },
          ],
        ],
      },
    });
  });

  it('leaves no temporary file behind, and refuses to write what it could not read again', async () => {
    const journal = new Journal(directory);
    await journal.writeQuiesce(record);
    await expect(journal.writeQuiesce({ ...record, operationId: '' })).rejects.toThrow('operationId');
    expect(await readdir(directory)).toEqual(['quiesce.json']);
    expect(await journal.readQuiesce()).toEqual({ kind: 'present', value: record });
  });

  it('loses no restart policy that was changed at the same time as others', async () => {
    const journal = new Journal(directory);
    const change = { stack: 's', service: 'web', changedAt: 5, previous: 'no', policy: 'always' } as const;
    const ids = Array.from({ length: 8 }, (_, index) => `c${index}`);
    await Promise.all(
      ids.map((containerId) => journal.recordRestartPolicyChange({ ...change, containerId })),
    );
    await Promise.all(ids.slice(4).map((containerId) => journal.forgetRestartPolicyChange(containerId)));
    const kept = (await new Journal(directory).readRestartPolicyChanges()).map(
      ({ containerId }) => containerId,
    );
    expect(kept.toSorted()).toEqual(ids.slice(0, 4));
  });

  it('keeps one entry per container of the restart policies that were changed', async () => {
    const journal = new Journal(directory);
    const change = { containerId: 'c1', stack: 's', service: 'web', changedAt: 5 } as const;
    await journal.recordRestartPolicyChange({ ...change, previous: 'no', policy: 'unless-stopped' });
    await journal.recordRestartPolicyChange({
      ...change,
      containerId: 'c2',
      previous: 'no',
      policy: 'always',
    });
    await journal.recordRestartPolicyChange({ ...change, previous: 'no', policy: 'always' });
    expect(
      (await new Journal(directory).readRestartPolicyChanges()).map(({ containerId, policy }) => [
        containerId,
        policy,
      ]),
    ).toEqual([
      ['c2', 'always'],
      ['c1', 'always'],
    ]);
  });
});

describe('an old document', () => {
  const schema = z.object({ version: z.literal(3), name: z.string(), size: z.number() });
  const open = (path: string): VersionedDocument<z.infer<typeof schema>> =>
    new VersionedDocument({
      path,
      schema,
      version: 3,
      converters: {
        1: (old) => ({ version: 2, name: z.object({ title: z.string() }).parse(old).title }),
        2: (old) => ({ ...z.object({ name: z.string() }).parse(old), version: 3, size: 0 }),
      },
      logger: silentLogger,
      now: () => 0,
    });

  it('is converted step by step to what this agent knows', async () => {
    const path = join(directory, 'thing.json');
    await writeFile(path, '{"version":1,"title":"x"}');
    expect(await open(path).read()).toEqual({
      kind: 'present',
      value: { version: 3, name: 'x', size: 0 },
    });
  });
});
