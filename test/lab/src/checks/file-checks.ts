import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asGuestIds } from '../guest/user-namespace.ts';
import { paths } from '../host/paths.ts';
import { type RunResult, runToExit } from '../host/run.ts';
import { deleteSubvolume, snapshotSubvolume } from '../host/storage.ts';
import { type StreamPlace, streamsOf, volumePath } from '../stacks.ts';
import type { Guest, StackName, WriteStream } from '../types.ts';

/**
 * `unclean`: whole as far as it goes, but its server was interrupted and has to look it through;
 * `damaged`: it contradicts itself; `absent`: never written yet.
 */
export type FileState = 'clean' | 'unclean' | 'damaged' | 'absent';

export interface FileCheck {
  stream: WriteStream;
  state: FileState;
  /** What the engine's tool said about a file that is not clean. */
  findings: string[];
}

// Its second argument becomes the root directory, the first is /mnt in it.
const enter = 'mount --bind "$1" "$2/mnt" && shift && exec chroot "$@"';

/**
 * What was restored, before any server had a chance to repair it: MyISAM's, Redis' and Valkey's files by the
 * tools that come with them. These open files for writing, so they get a copy of the guest's disk.
 * @throws Error when the guest runs: then the files are no longer those that were restored.
 */
export async function checkFiles(guest: Guest, stack: StackName = 'engines'): Promise<FileCheck[]> {
  if ((await guest.status()) !== 'stopped')
    throw new Error(`guest ${guest.vmid} runs: check its files before`);
  const copy = join(paths.storage, `check-${guest.vmid}`);
  await snapshotSubvolume(guest.rootPath, copy, { readOnly: false });
  try {
    const tools = await imageRoot(copy);
    const checks: FileCheck[] = [];
    for (const [stream, place] of streamsOf(stack)) {
      const command = checkCommand(place);
      if (command === undefined || !('volume' in place)) continue;
      const volume = join(copy, volumePath(stack, place.volume));
      const contained = ['unshare', '--mount', 'sh', '-c', enter, 'sh', volume, tools, 'sh', '-c', command];
      const result = await runToExit(asGuestIds(contained), { timeoutMs: 300_000 });
      checks.push({ stream, ...judge(result) });
    }
    return checks;
  } finally {
    await deleteSubvolume(copy);
  }
}

const nothingToCheck = 44;

function checkCommand(place: StreamPlace): string | undefined {
  if (place.engine === 'mariadb' && place.tables === 'myisam') {
    return 'cd /mnt/app && myisamchk --silent --check *.MYI 2>&1';
  }
  if (place.engine !== 'redis') return undefined;
  const { flavour } = place;
  return `cd /mnt
    [ -e dump.rdb ] || [ -d appendonlydir ] || exit ${nothingToCheck}
    [ ! -e dump.rdb ] || ${flavour}-check-rdb dump.rdb || exit
    [ ! -d appendonlydir ] || ${flavour}-check-aof appendonlydir/appendonly.aof.manifest`;
}

function judge({ exitCode, stdout, stderr }: RunResult): Pick<FileCheck, 'state' | 'findings'> {
  if (exitCode === nothingToCheck) return { state: 'absent', findings: [] };
  const said = (stdout + stderr).split('\n').filter(Boolean);
  if (exitCode !== 0) return { state: 'damaged', findings: said };
  const warnings = said.filter((line) => line.includes('warning:'));
  return { state: warnings.length > 0 ? 'unclean' : 'clean', findings: warnings };
}

/** The layer that all images are made from: a whole root filesystem with every engine's programs in it. */
async function imageRoot(tree: string): Promise<string> {
  const layers = join(tree, 'var/lib/docker/overlay2');
  for (const name of await readdir(layers)) {
    const root = join(layers, name, 'diff');
    if (existsSync(join(root, 'usr/sbin/mariadbd'))) return root;
  }
  throw new Error(`${tree} has no layer with the databases in it`);
}
