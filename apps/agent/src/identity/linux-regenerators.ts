import { join } from 'node:path';
import { runProgram } from '../guest/run-program.ts';
import { regenerateEngineId } from './engine-id.ts';
import { regenerateMachineId } from './machine-id.ts';
import type { Regenerators } from './regenerators.ts';
import { regenerateSshHostKeys } from './ssh-host-keys.ts';

/** Those of the guest that this process runs in. `root` is another one for tests only. */
export function linuxRegenerators(stateDir: string, root = '/'): Regenerators {
  const folderOf = (thing: string): string => join(stateDir, 'regenerate', thing);
  return {
    'machine-id': () => regenerateMachineId(root, folderOf('machine-id')),
    'ssh-host-keys': (signal) => regenerateSshHostKeys(root, folderOf('ssh-host-keys'), runProgram, signal),
    'engine-id': () => regenerateEngineId(root, folderOf('engine-id')),
  };
}
