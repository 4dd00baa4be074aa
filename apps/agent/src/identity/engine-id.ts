import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceAll, undoBegun } from './aside.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Regenerated } from './regenerators.ts';

const daemonConfigSchema = z.object({ 'data-root': z.string().startsWith('/').optional() });

/**
 * The file `engine-id` of the engine's data directory: a UUID without an end of line (moby/moby, daemon/id.go). The
 * engine reads it when it starts, and is never restarted for this: that would stop containers.
 *
 * @param root of the guest
 * @param folder for what is kept aside
 */
export async function regenerateEngineId(root: string, folder: string): Promise<Regenerated> {
  await undoBegun(folder);
  const path = join(root, await dataRoot(root), 'engine-id');
  const before = (await readIfThere(path))?.trim();
  if (before === undefined || before === '') {
    return { kind: 'nothing', because: 'the engine of this guest keeps no id in a file' };
  }
  const after = randomUUID();
  await replaceAll([{ path, content: after }], folder);
  return {
    kind: 'changed',
    changes: [{ name: 'engine-id', before: fingerprintOf(before), after: fingerprintOf(after) }],
    takesEffect: 'the engine has the old one until it starts again',
  };
}

async function dataRoot(root: string): Promise<string> {
  const text = await readIfThere(join(root, 'etc/docker/daemon.json'));
  const config = text === undefined ? {} : daemonConfigSchema.parse(JSON.parse(text));
  return config['data-root'] ?? '/var/lib/docker';
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
