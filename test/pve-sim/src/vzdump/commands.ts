import { orAborted } from '@tacet/runtime';
import type { Worker } from '../tasks/task.ts';

/** What PVE::Tools::run_command dies with. */
export class CommandError extends Error {
  override name = 'CommandError';

  constructor(command: string, reason: string) {
    super(`command '${command}' failed: ${reason}`);
  }
}

/** The worker's SIGTERM between two commands; unlike within one it ends the whole job. */
export class InterruptedError extends Error {
  override name = 'InterruptedError';

  constructor() {
    super('interrupted by signal');
  }
}

/**
 * Work that the worker's SIGTERM cuts off as it cuts off a child command. A worker gets the signal once:
 * what is started after it runs undisturbed, until SIGKILL.
 */
export async function asCommand<T>(
  worker: Worker,
  command: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (worker.takeInterrupt()) throw new InterruptedError();
  const signal = worker.terminated.aborted
    ? worker.killed
    : AbortSignal.any([worker.terminated, worker.killed]);
  try {
    return await orAborted(work(signal), signal);
  } catch (error) {
    worker.aliveOrThrow();
    if (worker.takeInterrupt()) throw new CommandError(command, 'interrupted by signal');
    throw error;
  }
}

const USERNS = 'lxc-usernsexec -m u:0:100000:65536 -m g:0:100000:65536 --';
const TAR_FLAGS =
  "--totals --one-file-system -p --sparse --numeric-owner --acls --xattrs '--xattrs-include=user.*' '--xattrs-include=security.capability' '--warning=no-file-ignored' '--warning=no-xattr-write'";

/** The words of the tar command, which a failed backup's log quotes. */
export function tarCommand(
  target: string,
  temporaryDir: string,
  sourceDir: string,
  sources: readonly string[],
  compress: string | undefined,
): string {
  const filter = compress === undefined ? '' : ` | ${compress}`;
  const output = target.replace(/\.[^.]+$/, '.dat');
  return `set -o pipefail && ${USERNS} tar cpf - ${TAR_FLAGS} --one-file-system '--warning=no-file-ignored' '--directory=${temporaryDir}' ./etc/vzdump/pct.conf ./etc/vzdump/pct.fw '--directory=${sourceDir}' --no-anchored '--exclude=lost+found' --anchored '--exclude=./tmp/?*' '--exclude=./var/tmp/?*' '--exclude=./var/run/?*.pid' ${sources.join(' ')}${filter} >${output}`;
}

export function rsyncCommand(pass: 'first' | 'final', from: string, to: string): string {
  return `rsync --stats -h -X -A --numeric-ids -aH --delete --no-whole-file ${pass === 'first' ? '--sparse' : '--inplace'} --one-file-system --relative '--exclude=/tmp/?*' '--exclude=/var/tmp/?*' '--exclude=/var/run/?*.pid' ${from}/./ ${to}`;
}

export function untarCommand(vmid: number): string {
  return `${USERNS} tar xpf - --zstd ${TAR_FLAGS} -C /var/lib/lxc/${vmid}/rootfs --skip-old-files --anchored --exclude './dev/*'`;
}
