import type { Worker } from '../tasks/task.ts';
import type { World } from '../world.ts';
import { type BackupLog, formatRsync } from './backup-log.ts';
import { asCommand, CommandError, rsyncCommand } from './commands.ts';

/** One of the two rsyncs of suspend mode. */
export async function copyData(options: {
  readonly world: World;
  readonly worker: Worker;
  readonly vmid: number;
  readonly pass: 'first' | 'final';
  readonly target: string;
  readonly log: BackupLog;
}): Promise<void> {
  const { world, worker, vmid, pass, target, log } = options;
  const { pid } = await world.backend.state(vmid);
  const from = pid === undefined ? `/var/lib/lxc/${vmid}/rootfs/` : `/proc/${pid}/root/`;
  const to = target.replace(/\.tar.*$/, '.tmp');
  log.info(`starting ${pass} sync ${from} to ${to}`);
  const startedAtMs = Date.now();
  const command = rsyncCommand(pass, from, to);
  try {
    const { transferredBytes } = await asCommand(worker, command, (signal) =>
      world.backend.sync({ vmid, pass, into: to, signal }),
    );
    const took = Math.floor((Date.now() - startedAtMs) / 1000);
    log.info(`${pass} sync finished - transferred ${formatRsync(transferredBytes)} bytes in ${took}s`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    log.error(`rsync: [receiver] write failed on "${to}": No space left on device (28)`);
    log.error('rsync error: error in file IO (code 11) at receiver.c(401) [receiver=3.4.1]');
    log.error('rsync: [sender] write error: Broken pipe (32)');
    throw new CommandError(command, 'exit code 11');
  }
}
