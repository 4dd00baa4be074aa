import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TacetError } from '@tacet/runtime';
import type { runProgram } from '../guest/run-program.ts';
import { replaceAll, undoBegun } from './aside.ts';
import { sshFingerprintOf } from './fingerprint.ts';
import type { Change, Regenerated } from './regenerators.ts';

const keyName = /^ssh_host_\w+_key$/;

/**
 * The host keys of the guest's sshd, each with its public half. `ssh-keygen -A` makes new ones beside them; a kind
 * that it does not make any more is a failure, and so is a key that somebody has certified: both are left.
 *
 * @param root of the guest
 * @param folder for what is kept aside, and for the new ones until they are whole
 */
export async function regenerateSshHostKeys(
  root: string,
  folder: string,
  run: typeof runProgram,
  signal: AbortSignal,
): Promise<Regenerated> {
  await undoBegun(folder);
  const home = join(root, 'etc/ssh');
  const found = await list(home);
  const names = found.filter((name) => keyName.test(name)).toSorted();
  if (names.length === 0) return { kind: 'nothing', because: 'this guest has no SSH host keys' };
  const certified = names.filter((name) => found.includes(`${name}-cert.pub`));
  if (certified.length > 0) {
    throw new TacetError(
      `${certified.join(', ')} is certified, and the certificate would be for another key`,
      {
        code: 'wrong-state',
        hint: 'Make a new key and have it certified: ssh-keygen -s CA -h …',
      },
    );
  }
  const staging = join(folder, 'new');
  await rm(staging, { recursive: true, force: true });
  await mkdir(join(staging, 'etc/ssh'), { recursive: true, mode: 0o700 });
  try {
    const { exitCode, stderr } = await run(['ssh-keygen', '-A', '-f', staging], {}, signal);
    const made = join(staging, 'etc/ssh');
    const there = await list(made);
    const missing = names.filter((name) => !there.includes(name) || !there.includes(`${name}.pub`));
    if (exitCode !== 0 || missing.length > 0) {
      const what = exitCode === 0 ? `it makes no ${missing.join(', ')}` : stderr.trim().slice(-300);
      throw new TacetError(`ssh-keygen made no new host keys: ${what}`, {
        code: 'wrong-state',
        hint: 'Make them by hand, then restart sshd. The old ones are still in use.',
      });
    }
    const changes: Change[] = [];
    const files = [];
    for (const name of names) {
      const before = await readFile(join(home, `${name}.pub`), 'utf8');
      const after = await readFile(join(made, `${name}.pub`), 'utf8');
      changes.push({ name, before: sshFingerprintOf(before), after: sshFingerprintOf(after) });
      files.push({ path: join(home, name), content: await readFile(join(made, name), 'utf8') });
      files.push({ path: join(home, `${name}.pub`), content: after });
    }
    await replaceAll(files, folder);
    return {
      kind: 'changed',
      changes,
      takesEffect: 'an sshd that runs may show the old ones until it starts again',
    };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
