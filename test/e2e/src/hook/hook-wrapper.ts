import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';

/**
 * A hook of the operator's own, around Tacet's: `body` is a shell script that calls that as `real "$@"`. There is no
 * PATH. @returns its path.
 */
export async function wrapHook(directory: string, script: string, body: string): Promise<string> {
  const path = join(directory, 'wrapper');
  await writeFile(path, `#!/bin/sh\nreal() { '${script}' "$@"; }\n${body}\n`, { mode: 0o755 });
  return path;
}

export interface HookGate {
  readonly path: string;
  reached(): Promise<void>;
  open(): Promise<void>;
}

/** Stops vzdump behind Tacet's part of a phase, until it is opened. */
export async function gateBehind(phase: string, directory: string, script: string): Promise<HookGate> {
  const closed = join(directory, 'gate.closed');
  const reached = join(directory, 'gate.reached');
  await writeFile(closed, '');
  await rm(reached, { force: true });
  // Its loop has an end of its own, for a test that fails.
  const body = `real "$@" || exit $?
[ "$1" = ${phase} ] || exit 0
: >'${reached}'
tries=0
while [ -e '${closed}' ] && [ $tries -lt 600 ]; do /bin/sleep 0.1; tries=$((tries + 1)); done`;
  return {
    path: await wrapHook(directory, script, body),
    reached: () => vi.waitFor(() => access(reached), { timeout: 60_000, interval: 20 }),
    open: () => rm(closed, { force: true }),
  };
}
