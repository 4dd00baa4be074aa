import { paths } from '../host/paths.ts';
import { run } from '../host/run.ts';
import { subvolumePath } from '../host/storage.ts';
import { attachArgv } from './lxc-process.ts';
import { asGuestIds } from './user-namespace.ts';

// Through a temporary name, so that no service in the guest ever reads half a file.
const write =
  'umask 022 && mkdir -p "${1%/*}/" && cat >"$1.new~" && chmod "$2" "$1.new~" && mv -f "$1.new~" "$1"';

/** Where a program runs: in the running guest, or in the tree of a stopped one with the guest's ids. */
export function insideArgv(vmid: number, running: boolean, argv: readonly string[]): string[] {
  if (running) return attachArgv(vmid, argv);
  return asGuestIds(['chroot', subvolumePath(paths.storage, vmid), ...argv]);
}

export async function writeGuestFile(
  vmid: number,
  running: boolean,
  path: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  assertAbsolute(path);
  const argv = ['/bin/sh', '-c', write, 'sh', path, mode.toString(8)];
  await run(insideArgv(vmid, running, argv), { stdin: content });
}

export async function readGuestFile(vmid: number, running: boolean, path: string): Promise<Buffer> {
  assertAbsolute(path);
  // base64, because the runner collects text.
  const { stdout } = await run(insideArgv(vmid, running, ['/usr/bin/base64', '--wrap=0', path]));
  return Buffer.from(stdout, 'base64');
}

function assertAbsolute(path: string): void {
  if (!path.startsWith('/')) throw new RangeError(`not an absolute path in a guest: ${path}`);
}
