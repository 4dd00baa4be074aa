import type { Parameters } from '../api/schema.ts';
import { type MountPoint } from '../guests/config.ts';
import type { Guest } from '../guests/guest-registry.ts';
import { type Worker, WorkerKilled } from '../tasks/task.ts';
import type { World } from '../world.ts';
import { writeArchive } from './archive.ts';
import { type BackupLog, backupLog, fileTimestamp, formatDuration, timestamp } from './backup-log.ts';
import { asCommand, CommandError, InterruptedError } from './commands.ts';
import { copyData } from './copy-data.ts';
import type { GuestPhase, HookScript, HookTask } from './hook-script.ts';
import { createVzdumpSnapshot, mountVzdumpSnapshot, removeVzdumpSnapshot } from './vzdump-snapshot.ts';

export type BackupMode = 'snapshot' | 'suspend' | 'stop';

export interface GuestBackupOptions {
  readonly world: World;
  readonly node: string;
  readonly worker: Worker;
  readonly hooks: HookScript;
  readonly parameters: Parameters;
  readonly vmid: number;
}

/** What has to be undone at the end, by name as in PVE::VZDump. */
interface Cleanup {
  unlock: boolean;
  prepared: boolean;
  snapshot: boolean;
  mountFailed: boolean;
  resume: boolean;
  restart: boolean;
}

/** The backup of one guest: PVE::VZDump's `exec_backup_task`, step by step. */
export class GuestBackup {
  readonly #options: GuestBackupOptions;
  readonly #log: BackupLog;
  readonly #file: string[] = [];
  readonly #task: HookTask;
  readonly #startedAt = new Date();
  readonly #cleanup: Cleanup = {
    unlock: false,
    prepared: false,
    snapshot: false,
    mountFailed: false,
    resume: false,
    restart: false,
  };
  #stoppedAtMs: number | undefined;
  #volumes: MountPoint[] = [];

  constructor(options: GuestBackupOptions) {
    this.#options = options;
    this.#log = backupLog(options.worker, this.#file);
    this.#task = { mode: options.parameters['mode'] ?? 'snapshot', vmid: options.vmid };
  }

  /** False when the backup failed; its reason is in the log. Throws only what ends the whole job. */
  async run(): Promise<boolean> {
    const { worker, vmid } = this.#options;
    const log = this.#log;
    let failure: Error | undefined;
    try {
      await this.#backup();
    } catch (error) {
      if (!(error instanceof Error) || error instanceof WorkerKilled) throw error;
      failure = error;
    }
    await this.#cleanUp();
    if (failure === undefined) {
      log.info(
        `Finished Backup of VM ${vmid} (${formatDuration(this.#secondsSince(this.#startedAt.getTime()))})`,
      );
      log.info(`Backup finished at ${timestamp(new Date())}`);
    } else {
      log.error(`Backup of VM ${vmid} failed - ${failure.message}`);
      log.info(`Failed at ${timestamp(new Date())}`);
      await this.#tryHook('backup-abort');
    }
    await this.#writeLogFile();
    await this.#tryHook('log-end');
    worker.aliveOrThrow();
    if (failure instanceof InterruptedError) throw failure;
    return failure === undefined;
  }

  async #backup(): Promise<void> {
    const { world, node, vmid } = this.#options;
    const guest = world.guests.get(vmid);
    if (guest?.node !== node) throw new Error(`unable to find VM '${vmid}'`);
    const log = this.#log;
    this.#nameFiles();
    log.info(`Starting Backup of VM ${vmid} (lxc)`);
    log.info(`Backup started at ${timestamp(new Date())}`);
    const { running } = await world.backend.state(vmid);
    log.info(`status = ${running ? 'running' : 'stopped'}`);
    guest.setLock('backup');
    this.#cleanup.unlock = true;
    const mode = await this.#chooseMode(guest, running);
    this.#cleanup.prepared = true;
    this.#task.mode = mode;
    log.info(`backup mode: ${mode}`);
    log.info(`ionice priority: ${this.#options.parameters['ionice'] ?? '7'}`);
    if (mode === 'stop') await this.#stop(guest, running);
    else if (mode === 'suspend') await this.#suspend(guest);
    else await this.#snapshot(guest);
    await writeArchive({
      ...this.#options,
      guest,
      mode,
      log,
      target: this.#task.target ?? '',
      volumes: this.#volumes,
    });
    await this.#hook('backup-end');
  }

  #nameFiles(): void {
    const { hooks, vmid, parameters } = this.#options;
    const name = `vzdump-lxc-${vmid}-${fileTimestamp(this.#startedAt)}`;
    const extension =
      { zstd: '.zst', gzip: '.gz', lzo: '.lzo', '1': '.lzo' }[parameters['compress'] ?? ''] ?? '';
    this.#task.target = `${hooks.dumpDir}/${name}.tar${extension}`;
    this.#task.logfile = `${hooks.dumpDir}/${name}.log`;
  }

  /** `snapshot` is a wish: a stopped guest is backed up as in stop mode, an unable storage means suspend. */
  async #chooseMode(guest: Guest, running: boolean): Promise<BackupMode> {
    const mode = running ? (this.#task.mode as BackupMode) : 'stop';
    if (mode !== 'snapshot') return mode;
    this.#prepareVolumes(guest);
    if (!guest.canSnapshot(this.#options.world.storages, this.#volumes)) {
      this.#log.info('mode failure - some volumes do not support snapshots');
      this.#log.info("trying 'suspend' mode instead");
      delete this.#task.hostname;
      return 'suspend';
    }
    if (guest.snapshots.has('vzdump')) {
      this.#log.info('found old vzdump snapshot (force removal)');
      await removeVzdumpSnapshot(this.#options.world, guest);
    }
    return mode;
  }

  #prepareVolumes(guest: Guest): void {
    const log = this.#log;
    log.info(`CT Name: ${guest.name}`);
    this.#task.hostname = guest.name;
    this.#volumes = [];
    for (const point of guest.mountPoints) {
      if (point.kind !== 'volume') {
        log.info(
          `excluding ${point.kind} mount point ${point.key} ('${point.path}') from backup (not a volume)`,
        );
      } else if (point.backup) {
        log.info(`including mount point ${point.key} ('${point.path}') in backup`);
        this.#volumes.push(point);
      } else {
        log.info(`excluding volume mount point ${point.key} ('${point.path}') from backup (disabled)`);
      }
    }
  }

  async #stop(guest: Guest, running: boolean): Promise<void> {
    const { world, worker, vmid } = this.#options;
    this.#prepareVolumes(guest);
    await this.#hook('backup-start');
    if (!running) return;
    this.#log.info('stopping virtual guest');
    this.#stoppedAtMs = Date.now();
    await this.#hook('pre-stop');
    const timeoutMs = Number(this.#options.parameters['stopwait'] ?? '10') * 60_000;
    await asCommand(worker, `lxc-stop -n ${vmid} --nokill --timeout ${timeoutMs / 1000}`, (signal) =>
      world.backend.shutdown(vmid, timeoutMs, signal),
    );
    this.#cleanup.restart = true;
  }

  async #suspend(guest: Guest): Promise<void> {
    const { world, worker, vmid } = this.#options;
    this.#prepareVolumes(guest);
    await this.#hook('backup-start');
    await this.#sync('first');
    this.#log.info('suspending guest');
    this.#stoppedAtMs = Date.now();
    await this.#hook('pre-stop');
    await asCommand(worker, `lxc-freeze -n ${vmid}`, () => world.backend.freeze(vmid));
    this.#cleanup.resume = true;
    await this.#sync('final');
    this.#log.info('resuming guest');
    this.#cleanup.resume = false;
    // The guest is still frozen here; a hook that fails leaves it so. That is the real order.
    await this.#hook('pre-restart');
    await world.backend.unfreeze(vmid);
    await this.#hook('post-restart');
    this.#logOnlineAgain();
  }

  async #sync(pass: 'first' | 'final'): Promise<void> {
    await copyData({ ...this.#options, pass, target: this.#task.target ?? '', log: this.#log });
  }

  async #snapshot(guest: Guest): Promise<void> {
    const { world, vmid } = this.#options;
    await this.#hook('backup-start');
    await this.#hook('pre-stop');
    const suspend = this.#volumes.length > 1;
    if (suspend) {
      this.#log.info('suspend vm to make snapshot');
      this.#stoppedAtMs = Date.now();
      await world.backend.freeze(vmid);
      this.#cleanup.resume = true;
    }
    this.#log.info("create storage snapshot 'vzdump'");
    await createVzdumpSnapshot(world, guest);
    this.#cleanup.snapshot = true;
    this.#cleanup.mountFailed = true;
    mountVzdumpSnapshot(world, this.#volumes);
    this.#cleanup.mountFailed = false;
    await this.#hook('pre-restart');
    if (suspend) {
      this.#log.info('resume vm');
      this.#cleanup.resume = false;
      await world.backend.unfreeze(vmid);
      this.#logOnlineAgain();
    }
    await this.#hook('post-restart');
  }

  /** Runs after success and failure alike; each part in its own `eval`, whose error is a bare line. */
  async #cleanUp(): Promise<void> {
    const { world, vmid } = this.#options;
    const cleanup = this.#cleanup;
    const guest = world.guests.get(vmid);
    if (guest !== undefined && cleanup.unlock) guest.lock = undefined;
    if (guest !== undefined && cleanup.prepared && cleanup.snapshot) {
      if (cleanup.mountFailed) {
        // Seen on Proxmox VE 9.2: unmounting what never was mounted fails, and the snapshot stays.
        this.#log.bare('umount: /mnt/vzsnap0/: not mounted.');
        this.#log.bare("command 'umount -l -d /mnt/vzsnap0/' failed: exit code 32");
      } else {
        this.#log.info("cleanup temporary 'vzdump' snapshot");
        await removeVzdumpSnapshot(world, guest);
      }
    }
    if (!cleanup.resume && !cleanup.restart) return;
    try {
      await this.#hook('pre-restart');
      await this.#bringBack();
      await this.#hook('post-restart');
      this.#logOnlineAgain();
    } catch (error) {
      if (!(error instanceof Error) || error instanceof WorkerKilled) throw error;
      this.#log.bare(error.message);
    }
  }

  async #bringBack(): Promise<void> {
    const { world, worker, vmid } = this.#options;
    if (this.#cleanup.resume) {
      this.#log.info('resume vm');
      await world.backend.unfreeze(vmid);
      return;
    }
    if ((await world.backend.state(vmid)).running) return;
    this.#log.info('restarting vm');
    await asCommand(worker, `systemctl start pve-container@${vmid}`, (signal) =>
      world.backend.start(vmid, signal),
    );
  }

  async #hook(phase: GuestPhase): Promise<void> {
    await this.#options.hooks.guest(phase, this.#task, this.#log);
  }

  /** Phases whose failure is only a warning. */
  async #tryHook(phase: 'backup-abort' | 'log-end'): Promise<void> {
    try {
      await this.#hook(phase);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#log.warn(error.message);
    }
  }

  async #writeLogFile(): Promise<void> {
    if (this.#task.logfile === undefined) return;
    await this.#options.world.backend.archives.writeLog(this.#task.logfile, `${this.#file.join('\n')}\n`);
  }

  #logOnlineAgain(): void {
    if (this.#stoppedAtMs === undefined) return;
    const seconds = this.#secondsSince(this.#stoppedAtMs);
    this.#log.info(`guest is online again after ${seconds < 1 ? '<1' : seconds} seconds`);
  }

  #secondsSince(startedAtMs: number): number {
    return Math.floor((Date.now() - startedAtMs) / 1000);
  }
}
