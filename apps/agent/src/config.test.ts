import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tacet-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

const withText = async (text: string): Promise<string> => {
  const path = join(folder, 'agent.json');
  await writeFile(path, text);
  return path;
};

describe('the configuration', () => {
  it('is not needed', async () => {
    expect(await readConfig(join(folder, 'none.json'))).toEqual({
      leaseCeilingMs: 300_000,
      engineSocket: '/run/docker.sock',
      stateDir: '/var/lib/tacet',
      missingRestartPolicy: 'unless-stopped',
      healGraceMs: 15_000,
      logLevel: 'info',
    });
  });

  it('overrides what it names', async () => {
    const path = await withText('{"missingRestartPolicy":"no"}');
    expect(await readConfig(path)).toMatchObject({ missingRestartPolicy: 'no', healGraceMs: 15_000 });
  });

  it.each([
    ['an unknown key', '{"leaseCeiling":1000}', 'leaseCeiling'],
    ['a value out of range', '{"leaseCeilingMs":0}', 'leaseCeilingMs'],
    ['another shape', '[]', 'expected object'],
    ['no JSON', '{', 'is not JSON'],
  ])('with %s is refused by name', async (_what, text, message) => {
    const path = await withText(text);
    await expect(readConfig(path)).rejects.toThrow(message);
    await expect(readConfig(path)).rejects.toMatchObject({ code: 'invalid-input' });
  });
});
