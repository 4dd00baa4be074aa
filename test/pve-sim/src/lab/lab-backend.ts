import { execFile } from 'node:child_process';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Guest, Lab } from '@tacet/lab';
import {
  type ArchiveJob,
  ArchiveTruncatedError,
  type ArchiveWritten,
  type GuestBackend,
  type GuestSeed,
  type GuestState,
  type RestoreJob,
  type SyncJob,
} from '../backend.ts';
import { type GuestConfig, parsePropertyString } from '../guests/config.ts';
import type { StorageOptions } from '../options.ts';
import { DiskArchives } from './disk-archives.ts';

const execute = promisify(execFile);

/** The storage that the lab's guest disks are on, under the name the configurations use. */
const GUEST_STORAGE = 'lab';
const DISK_SIZE = '16G';
/** What stands for the copy that suspend mode makes with rsync. */
const COPY = 'suspend';

/** `lab` for guests' disks, which snapshots, and `local`, a directory, for backups. */
export function labStorages(lab: Lab): readonly StorageOptions[] {
  return [
    {
      storage: GUEST_STORAGE,
      // It is btrfs, but Proxmox VE's btrfs plugin refuses to back up subvolumes without a quota; a
      // ZFS-like pool is what behaves as these disks do.
      type: 'zfspool',
      content: ['images', 'rootdir'],
      path: '/lab',
    },
    { storage: 'local', type: 'dir', content: ['backup'], path: join(lab.scratchDirectory, 'local') },
  ];
}

/** Real guests and real archives: the lab's. Guests that the lab makes later are not seen. */
export class LabBackend implements GuestBackend {
  readonly archives = new LabArchives();
  readonly #lab: Lab;
  readonly #startedAtMs = new Map<number, number>();
  /** Guests that were restored with `link_down=1`. */
  readonly #linkDown = new Set<number>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  list(): Promise<readonly GuestSeed[]> {
    const seeds = this.#lab.guests().map((guest) => ({ vmid: guest.vmid, config: configOf(guest) }));
    return Promise.resolve(seeds);
  }

  async state(vmid: number): Promise<GuestState> {
    const status = await this.#guest(vmid).status();
    const running = status !== 'stopped';
    const startedAtMs = this.#startedAtMs.get(vmid) ?? Date.now();
    return {
      running,
      frozen: status === 'frozen',
      uptimeSeconds: running ? Math.floor((Date.now() - startedAtMs) / 1000) : 0,
      diskBytes: 0,
      maxDiskBytes: 16 * 1024 ** 3,
    };
  }

  async start(vmid: number, signal: AbortSignal): Promise<void> {
    const guest = this.#guest(vmid);
    await guest.start(signal);
    // The cable hangs on the running guest: it is pulled before anything in there can have used it.
    if (this.#linkDown.has(vmid)) await guest.cutNetwork();
    this.#startedAtMs.set(vmid, Date.now());
  }

  async stop(vmid: number): Promise<void> {
    await this.#guest(vmid).stop();
  }

  async shutdown(vmid: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const guest = this.#guest(vmid);
    try {
      await guest.shutdown(signal, timeoutMs);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      // The lab throws when the guest has not stopped in time; whether that was it, the guest knows.
      if ((await guest.status()) === 'stopped') throw error;
      return false;
    }
  }

  async freeze(vmid: number): Promise<void> {
    await this.#guest(vmid).freeze();
  }

  async unfreeze(vmid: number): Promise<void> {
    await this.#guest(vmid).unfreeze();
  }

  async snapshot(vmid: number, name: string): Promise<void> {
    await this.#guest(vmid).snapshot(name);
  }

  async deleteSnapshot(vmid: number, name: string): Promise<void> {
    await this.#guest(vmid).deleteSnapshot(name);
  }

  async rollback(vmid: number, name: string): Promise<void> {
    await this.#guest(vmid).rollback(name);
  }

  /**
   * What rsync copies in its second pass is what the disk holds while the guest is frozen: here a storage
   * snapshot, which takes no time. The first pass changes nothing about that and is left out.
   */
  async sync({ vmid, pass, signal }: SyncJob): Promise<{ transferredBytes: number }> {
    if (pass === 'first') return { transferredBytes: 0 };
    const guest = this.#guest(vmid);
    if ((await guest.snapshots()).includes(COPY)) await guest.deleteSnapshot(COPY);
    await guest.syncfs();
    const target = `${guest.rootPath}@${COPY}`;
    await execute('btrfs', ['subvolume', 'snapshot', '-r', guest.rootPath, target], { signal });
    return { transferredBytes: 0 };
  }

  async archive({ vmid, from, target, signal }: ArchiveJob): Promise<ArchiveWritten> {
    const guest = this.#guest(vmid);
    const snapshot = { snapshot: { snapshot: 'vzdump' }, copy: { snapshot: COPY }, stopped: {} }[from];
    const unfinished = target.replace(/\.[^.]+$/, '.dat');
    await mkdir(dirname(target), { recursive: true });
    try {
      const { bytesRead, archiveBytes } = await guest.archive({ ...snapshot, target: unfinished, signal });
      await rename(unfinished, target);
      return { totalBytes: bytesRead, fileBytes: archiveBytes };
    } finally {
      if (from === 'copy') await guest.deleteSnapshot(COPY);
    }
  }

  async restore({ vmid, archive, config, signal }: RestoreJob): Promise<{ totalBytes: number }> {
    const net0 = parsePropertyString(String(config['net0'] ?? ''), 'name');
    const mac = net0.get('hwaddr');
    if (net0.get('link_down') === '1') this.#linkDown.add(vmid);
    else this.#linkDown.delete(vmid);
    try {
      await this.#lab.restoreGuest({
        vmid,
        archive,
        hostname: String(config['hostname'] ?? `CT${vmid}`),
        memoryMb: Number(config['memory'] ?? 2048),
        ...(mac === undefined ? {} : { mac }),
        signal,
      });
      return { totalBytes: 0 };
    } catch (cause) {
      signal.throwIfAborted();
      throw new ArchiveTruncatedError(`${archive} could not be read to its end`, { cause });
    }
  }

  async destroy(vmid: number): Promise<void> {
    await this.#guest(vmid).destroy();
  }

  #guest(vmid: number): Guest {
    const guest = this.#lab.guest(vmid);
    if (guest === undefined) throw new Error(`the lab has no guest ${vmid}`);
    return guest;
  }
}

/** The lab's archives carry a configuration without a disk in it. */
class LabArchives extends DiskArchives {
  override async config(path: string): Promise<string | undefined> {
    const text = await super.config(path);
    if (text === undefined || /^rootfs:/m.test(text)) return text;
    const vmid = /vzdump-lxc-(\d+)-/.exec(path)?.[1] ?? '0';
    return `${text.trimEnd()}\nrootfs: ${rootfs(vmid)}\n`;
  }
}

function rootfs(vmid: number | string): string {
  return `${GUEST_STORAGE}:subvol-${vmid}-disk-0,size=${DISK_SIZE}`;
}

function configOf(guest: Guest): GuestConfig {
  return {
    arch: 'amd64',
    features: 'keyctl=1,nesting=1',
    hostname: guest.hostname,
    memory: 2048,
    net0: `name=eth0,bridge=vmbr0,hwaddr=${guest.mac},ip=dhcp,type=veth`,
    ostype: 'debian',
    rootfs: rootfs(guest.vmid),
    unprivileged: 1,
  };
}
