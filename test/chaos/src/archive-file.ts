import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** @param path absolute, as in the guest. */
export async function fileInArchive(archive: string, path: string): Promise<string> {
  const { stdout } = await execute('tar', ['--zstd', '-xOf', archive, '--occurrence=1', `.${path}`]);
  return stdout;
}
