import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { paths } from './host/paths.ts';

/** What the lab changed outside its own directories. Written before the next change is made. */
export interface Changes {
  subordinateIdFiles: string[];
}

export async function readChanges(): Promise<Changes> {
  try {
    return JSON.parse(await readFile(paths.changes, 'utf8')) as Changes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { subordinateIdFiles: [] };
    throw error;
  }
}

export async function recordChanges(changes: Changes): Promise<void> {
  await mkdir(paths.state, { recursive: true, mode: 0o755 });
  await writeFile(`${paths.changes}.new`, JSON.stringify(changes));
  await rename(`${paths.changes}.new`, paths.changes);
}
