import { randomUUID } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceAll, undoBegun } from './aside.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Regenerated } from './regenerators.ts';

/** machine-id(5): 32 hexadecimal digits, in small letters. Empty or `uninitialized` until the first start. */
const written = /^[0-9a-f]{32}$/;

/**
 * /etc/machine-id, and D-Bus's own where that is a file and no link to it.
 *
 * @param root of the guest
 * @param folder for what is kept aside
 */
export async function regenerateMachineId(root: string, folder: string): Promise<Regenerated> {
  await undoBegun(folder);
  const path = join(root, 'etc/machine-id');
  const before = (await readIfFile(path))?.trim() ?? '';
  if (!written.test(before)) {
    return { kind: 'nothing', because: 'the guest has no machine-id yet, and gets one at its next start' };
  }
  // Version 4, as systemd makes them.
  const after = randomUUID().replaceAll('-', '');
  const bus = join(root, 'var/lib/dbus/machine-id');
  const files = [path, ...((await readIfFile(bus)) === undefined ? [] : [bus])];
  await replaceAll(
    files.map((file) => ({ path: file, content: `${after}\n` })),
    folder,
  );
  return {
    kind: 'changed',
    changes: [{ name: 'machine-id', before: fingerprintOf(before), after: fingerprintOf(after) }],
    takesEffect: 'what runs has the old one until the guest starts again',
  };
}

/** Undefined for a link, too: what it leads to is replaced by its own name. */
async function readIfFile(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isFile() ? await readFile(path, 'utf8') : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
