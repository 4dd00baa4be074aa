import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readManifest } from './manifest.ts';

const run = promisify(execFile);

/** The top of the workspace. */
export const workspace = join(import.meta.dirname, '..', '..', '..');

export async function workspaceVersion(): Promise<string> {
  return (await readManifest(workspace)).version;
}

/**
 * The time of a build, in seconds since 1970: `SOURCE_DATE_EPOCH` (reproducible-builds.org), else the last commit's.
 * @throws Error where neither is known.
 */
export async function sourceDateEpochS(): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  const text = given ?? (await run('git', ['log', '-1', '--format=%ct'], { cwd: workspace })).stdout;
  const epochS = Number(text);
  if (!Number.isInteger(epochS) || epochS <= 0) throw new Error(`not a time in seconds: ${text}`);
  return epochS;
}
