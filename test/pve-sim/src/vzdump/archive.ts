import type { Parameters } from '../api/schema.ts';
import { configText, type MountPoint } from '../guests/config.ts';
import type { Guest } from '../guests/guest-registry.ts';
import type { Worker } from '../tasks/task.ts';
import type { World } from '../world.ts';
import { type BackupLog, formatBinary, formatSize } from './backup-log.ts';
import { asCommand, CommandError, tarCommand } from './commands.ts';
import type { BackupMode } from './guest-backup.ts';
import { renderNotes } from './parameters.ts';

const FILTERS: Readonly<Record<string, string>> = {
  zstd: "zstd '--threads=1'",
  gzip: 'gzip --rsyncable',
  lzo: 'lzop',
  '1': 'lzop',
};

/** From `creating vzdump archive` to notes and protection. */
export async function writeArchive(options: {
  readonly world: World;
  readonly worker: Worker;
  readonly parameters: Parameters;
  readonly guest: Guest;
  readonly mode: BackupMode;
  readonly log: BackupLog;
  readonly target: string;
  readonly volumes: readonly MountPoint[];
}): Promise<void> {
  const { world, worker, parameters, guest, mode, log, target, volumes } = options;
  const { archives } = world.backend;
  log.info(`creating vzdump archive '${target}'`);
  const temporaryDir = target.replace(/\.tar.*$/, '.tmp');
  const command = tarCommand(
    target,
    temporaryDir,
    mode === 'suspend' ? temporaryDir : '/mnt/vzsnap0',
    mode === 'suspend' ? ['.'] : volumes.map((volume) => `.${volume.path}`),
    FILTERS[parameters['compress'] ?? ''],
  );
  const startedAtMs = Date.now();
  try {
    const written = await asCommand(worker, command, (signal) =>
      world.backend.archive({
        vmid: guest.vmid,
        from: mode === 'snapshot' ? 'snapshot' : mode === 'suspend' ? 'copy' : 'stopped',
        volumes: volumes.map((volume) => volume.key),
        target,
        configText: configText(guest.config),
        signal,
      }),
    );
    const perSecond = written.totalBytes / Math.max(0.001, (Date.now() - startedAtMs) / 1000);
    log.info(
      `Total bytes written: ${written.totalBytes} (${formatBinary(written.totalBytes)}, ${formatBinary(perSecond)}/s)`,
    );
    log.info(`archive file size: ${formatSize(written.fileBytes)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    log.info('zstd: error 70 : Write error : cannot write block : No space left on device ');
    throw new CommandError(command, 'exit code 70');
  }
  const template = parameters['notes-template'] ?? '';
  if (template !== '') {
    log.info('adding notes to backup');
    await archives.setNotes(target, renderNotes(template, guest));
  }
  if (parameters['protected'] === '1') {
    log.info('marking backup as protected');
    await archives.setProtected(target, true);
  }
}
