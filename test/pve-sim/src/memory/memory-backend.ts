import { systemClock } from '@tacet/runtime';
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
import { type GuestConfig, mountPoints, sizeBytes } from '../guests/config.ts';
import { MemoryArchives } from './memory-archives.ts';

/** What runs in an in-memory guest. Every hook is optional but `capture`. */
export interface GuestContent {
  start?(): void | Promise<void>;
  /** The plug is pulled: no chance to clean up. */
  stop?(): void | Promise<void>;
  /** `pct shutdown`: an orderly end. Without it, `stop` is called. */
  shutdown?(): void | Promise<void>;
  /** The CT freezer: nothing in the guest may happen until `thaw`. */
  freeze?(): void | Promise<void>;
  thaw?(): void | Promise<void>;
  /** What the disk holds now. It must be a copy: the guest goes on changing its own. */
  capture(): unknown;
}

/** Makes the content of a guest that starts from a disk; `captured` is undefined for a new one. */
export type ContentFactory = (
  vmid: number,
  captured: unknown,
  config: GuestConfig,
) => GuestContent | Promise<GuestContent>;

export interface MemoryGuest extends GuestSeed {
  /** Default true. */
  readonly running?: boolean;
  /** What is on its disk, in nominal bytes. Default 200 MB. */
  readonly diskBytes?: number;
}

export interface MemoryBackendOptions {
  readonly guests: readonly MemoryGuest[];
  /** Default: a content that captures nothing. */
  readonly content?: ContentFactory;
  /** How long each slow step takes (an rsync, an archive, a stop); the snapshot takes a fifth. Default 100. */
  readonly stepMs?: number;
}

interface LiveGuest {
  config: GuestConfig;
  content: GuestContent;
  running: boolean;
  frozen: boolean;
  pid: number;
  startedAtMs: number;
  readonly diskBytes: number;
  readonly snapshots: Map<string, unknown>;
  /** What the last rsync of suspend mode copied. */
  copied: unknown;
}

const EMPTY: GuestContent = { capture: () => undefined };
const COMPRESSION = 3;

/** Guests that are objects in this process, and archives that are values. */
export class MemoryBackend implements GuestBackend {
  readonly archives = new MemoryArchives();
  readonly #seeds: readonly MemoryGuest[];
  readonly #factory: ContentFactory;
  readonly #stepMs: number;
  readonly #guests = new Map<number, LiveGuest>();
  readonly #full = new Set<string>();
  #pid = 500;

  constructor({ guests, content, stepMs }: MemoryBackendOptions) {
    this.#seeds = guests;
    this.#factory = content ?? (() => EMPTY);
    this.#stepMs = stepMs ?? 100;
  }

  async list(): Promise<readonly GuestSeed[]> {
    for (const seed of this.#seeds) {
      if (this.#guests.has(seed.vmid)) continue;
      const guest = await this.#create(seed.vmid, undefined, seed.config, seed.diskBytes ?? 200_000_000);
      if (seed.running ?? true) await this.#boot(guest);
    }
    return this.#seeds;
  }

  /** The content of a guest, for whoever watches it from outside. */
  content(vmid: number): GuestContent {
    return this.#guest(vmid).content;
  }

  /** From now on nothing fits below this directory any more (or again, with false). */
  setFull(directory: string, full = true): void {
    if (full) this.#full.add(directory);
    else this.#full.delete(directory);
  }

  state(vmid: number): Promise<GuestState> {
    const guest = this.#guest(vmid);
    const maxDiskBytes = mountPoints(guest.config).reduce((sum, point) => sum + sizeBytes(point.size), 0);
    return Promise.resolve({
      running: guest.running,
      frozen: guest.frozen,
      ...(guest.running ? { pid: guest.pid } : {}),
      uptimeSeconds: guest.running ? Math.floor((Date.now() - guest.startedAtMs) / 1000) : 0,
      diskBytes: guest.running ? guest.diskBytes : 0,
      maxDiskBytes,
    });
  }

  async start(vmid: number, signal: AbortSignal): Promise<void> {
    const guest = this.#guest(vmid);
    await systemClock.sleep(this.#stepMs, signal);
    await this.#boot(guest);
  }

  async stop(vmid: number): Promise<void> {
    const guest = this.#guest(vmid);
    guest.running = false;
    guest.frozen = false;
    await guest.content.stop?.();
  }

  async shutdown(vmid: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const guest = this.#guest(vmid);
    if (guest.frozen) {
      await systemClock.sleep(timeoutMs, signal);
      return false;
    }
    await systemClock.sleep(this.#stepMs, signal);
    if (guest.content.shutdown === undefined) await guest.content.stop?.();
    else await guest.content.shutdown();
    guest.running = false;
    return true;
  }

  async freeze(vmid: number): Promise<void> {
    const guest = this.#guest(vmid);
    if (!guest.running || guest.frozen) return;
    guest.frozen = true;
    await guest.content.freeze?.();
  }

  async unfreeze(vmid: number): Promise<void> {
    const guest = this.#guest(vmid);
    if (!guest.frozen) return;
    guest.frozen = false;
    await guest.content.thaw?.();
  }

  async snapshot(vmid: number, name: string): Promise<void> {
    const guest = this.#guest(vmid);
    await this.freeze(vmid);
    try {
      await systemClock.sleep(this.#stepMs / 5);
      guest.snapshots.set(name, await guest.content.capture());
    } finally {
      await this.unfreeze(vmid);
    }
  }

  deleteSnapshot(vmid: number, name: string): Promise<void> {
    this.#guest(vmid).snapshots.delete(name);
    return Promise.resolve();
  }

  async rollback(vmid: number, name: string): Promise<void> {
    const guest = this.#guest(vmid);
    guest.content = await this.#factory(vmid, guest.snapshots.get(name), guest.config);
  }

  async sync({ vmid, pass, into, signal }: SyncJob): Promise<{ transferredBytes: number }> {
    const guest = this.#guest(vmid);
    await systemClock.sleep(pass === 'first' ? this.#stepMs * 2 : this.#stepMs, signal);
    this.#requireSpace(into);
    guest.copied = await guest.content.capture();
    return { transferredBytes: pass === 'first' ? guest.diskBytes : 0 };
  }

  async archive({ vmid, from, target, configText, signal }: ArchiveJob): Promise<ArchiveWritten> {
    const guest = this.#guest(vmid);
    await systemClock.sleep(this.#stepMs * 2, signal);
    this.#requireSpace(target);
    const captured =
      from === 'snapshot'
        ? guest.snapshots.get('vzdump')
        : from === 'copy'
          ? guest.copied
          : await guest.content.capture();
    const totalBytes = guest.diskBytes;
    const fileBytes = Math.trunc(totalBytes / COMPRESSION);
    this.archives.put(target, { fileBytes, totalBytes, configText, captured });
    return { totalBytes, fileBytes };
  }

  async restore({ vmid, archive: path, config, signal }: RestoreJob): Promise<{ totalBytes: number }> {
    await systemClock.sleep(this.#stepMs * 2, signal);
    const archive = this.archives.get(path);
    if (archive === undefined) throw new Error(`no archive ${path}`);
    if (archive.damage !== undefined) throw new ArchiveTruncatedError();
    await this.#create(vmid, archive.captured, config, archive.totalBytes);
    return { totalBytes: archive.totalBytes };
  }

  async destroy(vmid: number): Promise<void> {
    const guest = this.#guests.get(vmid);
    this.#guests.delete(vmid);
    if (guest?.running === true) await guest.content.stop?.();
  }

  #requireSpace(path: string): void {
    if (![...this.#full].some((directory) => path.startsWith(`${directory}/`))) return;
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  }

  #guest(vmid: number): LiveGuest {
    const guest = this.#guests.get(vmid);
    if (guest === undefined) throw new Error(`the backend has no guest ${vmid}`);
    return guest;
  }

  async #create(vmid: number, captured: unknown, config: GuestConfig, diskBytes: number): Promise<LiveGuest> {
    this.#pid += 7;
    const guest: LiveGuest = {
      config,
      content: await this.#factory(vmid, captured, config),
      running: false,
      frozen: false,
      pid: this.#pid,
      startedAtMs: 0,
      diskBytes,
      snapshots: new Map(),
      copied: undefined,
    };
    this.#guests.set(vmid, guest);
    return guest;
  }

  async #boot(guest: LiveGuest): Promise<void> {
    this.#pid += 7;
    guest.pid = this.#pid;
    guest.startedAtMs = Date.now();
    guest.running = true;
    await guest.content.start?.();
  }
}
