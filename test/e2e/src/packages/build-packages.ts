import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const packager = join(import.meta.dirname, '..', '..', '..', '..', 'packages', 'debian', 'src', 'main.ts');
const buildMs = 500_000;

/** What `npm run package` does, for this kind of machine. @returns a line `digest  file` for each that was made. */
export async function buildPackages(out: string): Promise<string[]> {
  // A time of its own, so that it works where there is no repository.
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1790000000' };
  const argv = [packager, '--architecture', 'amd64', '--out', out];
  const { stdout } = await run(process.execPath, argv, { env, timeout: buildMs });
  return stdout.split('\n').slice(1).filter(Boolean);
}
