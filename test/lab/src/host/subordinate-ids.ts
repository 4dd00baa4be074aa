import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { firstSubordinateId, subordinateIdCount } from '../guest/lxc-config.ts';

const files = ['/etc/subuid', '/etc/subgid'];
const line = `root:${firstSubordinateId}:${subordinateIdCount}`;

/** Files that do not yet let root hand out the guests' ids; newuidmap insists on it. */
export async function missingGrants(): Promise<string[]> {
  const missing: string[] = [];
  for (const file of files) {
    if (!(await readIfThere(file)).split('\n').includes(line)) missing.push(file);
  }
  return missing;
}

export async function grantSubordinateIds(missing: readonly string[]): Promise<void> {
  for (const file of missing) {
    const content = await readIfThere(file);
    await appendFile(file, `${content === '' || content.endsWith('\n') ? '' : '\n'}${line}\n`);
  }
}

export async function withdrawSubordinateIds(changed: readonly string[]): Promise<void> {
  for (const file of files.filter((name) => changed.includes(name))) {
    const content = await readIfThere(file);
    await writeFile(
      file,
      content
        .split('\n')
        .filter((entry) => entry !== line)
        .join('\n'),
    );
  }
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
