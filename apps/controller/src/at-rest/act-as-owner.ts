import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Root becomes whoever owns the directory of the configuration, for good: a link that the controller's user has put
 * there leads root to no file that this user could not read and write anyway.
 */
export async function actAsOwnerOf(configPath: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(configPath));
  if (uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}
