import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TacetError } from '@tacet/runtime';

/**
 * Root becomes whoever owns the directory of the configuration, for good: a link that the controller's user has put
 * there leads root to no file that this user could not read and write anyway.
 *
 * @throws TacetError `invalid-input` where there is no such directory
 */
export async function actAsOwnerOf(configPath: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(configPath)).catch((cause: unknown) => {
    throw new TacetError(`cannot read the configuration ${configPath}`, {
      code: 'invalid-input',
      hint: 'Check the path after --config.',
      cause,
    });
  });
  if (uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}
