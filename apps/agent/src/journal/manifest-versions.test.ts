import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planHeal } from '@tacet/core';
import { type Manifest, manifestSchema } from '@tacet/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from './journal.ts';
import { manifestConverters } from './manifest-versions.ts';

// One file for each version that an agent has ever written, as it wrote it. Never change them.

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'tacet-manifest-'))));
afterEach(() => rm(directory, { recursive: true }));

const newest = manifestSchema.shape.version.value;
const versions = Array.from({ length: newest }, (_, index) => index + 1);
const fixture = (version: number) => join(import.meta.dirname, 'fixtures', `manifest-v${version}.json`);

async function read(version: number): Promise<Manifest> {
  await cp(fixture(version), join(directory, 'manifest.json'));
  const manifest = await new Journal(directory).readManifest();
  if (!manifest) throw new Error(`version ${version} could not be read`);
  return manifest;
}

/** What a restored engine shows of the guest of the fixtures: all is down but what `on-failure` has started. */
const restored = (service: Manifest['services'][number]) => ({
  containerId: service.containerId,
  state: service.service === 'old' ? ('running' as const) : ('exited' as const),
  health: 'none' as const,
  restartPolicy: service.restartPolicy,
  exitCode: 0,
  error: '',
  restartCount: 0,
  startedAt: 0,
  isLeftAlone: false,
  postRestore: undefined,
});

describe('a manifest of any version', () => {
  it.each(versions)('%i is read as today’s', async (version) => {
    const manifest = await read(version);
    expect(manifest.version).toBe(newest);
    expect(manifest.services.map(({ service, state }) => [service, state])).toEqual([
      ['db', 'running'],
      ['web', 'running'],
      ['old', 'exited'],
    ]);
  });

  it.each(versions)('%i heals', async (version) => {
    const manifest = await read(version);
    const policy = {
      missingRestartPolicy: 'unless-stopped',
      restore: { postRestored: new Set('') },
    } as const;
    const { steps, waiting } = planHeal(manifest, manifest.services.map(restored), policy);
    expect(steps.map(({ kind, service }) => `${kind} ${service}`)).toEqual([
      'start db',
      'set-restart-policy db',
      // Only since version 2 it is known that it had failed by itself, and was not stopped.
      ...(version === 1 ? ['stop old'] : []),
    ]);
    expect(waiting.map(({ service, on }) => [service, on])).toEqual([['web', 'db']]);
  });

  it('names the files of its stacks since version 3', async () => {
    expect((await read(2)).projects).toEqual([]);
    expect((await read(3)).projects).toHaveLength(1);
  });

  it('has a conversion from each version but the newest', () => {
    expect(Object.keys(manifestConverters).map(Number)).toEqual(versions.slice(0, -1));
  });

  it('loses nothing that it does not know', async () => {
    const text = await readFile(fixture(1), 'utf8');
    const convert = manifestConverters[1];
    expect(convert?.({ ...JSON.parse(text), more: 1 })).toMatchObject({ version: 2, more: 1 });
  });
});
