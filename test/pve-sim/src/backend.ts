import type { GuestConfig } from './guests/config.ts';

/** A guest as the backend knows it when the simulator starts. */
export interface GuestSeed {
  readonly vmid: number;
  /** The node it is on; the simulator's first node by default. */
  readonly node?: string;
  readonly config: GuestConfig;
}

export interface GuestState {
  readonly running: boolean;
  /** The CT freezer is on. Proxmox VE reports such a guest as `running`. */
  readonly frozen: boolean;
  readonly pid?: number;
  readonly uptimeSeconds: number;
  readonly diskBytes: number;
  readonly maxDiskBytes: number;
}

/** rsync of suspend mode: once while the guest runs, once while it is frozen. */
export interface SyncJob {
  readonly vmid: number;
  readonly pass: 'first' | 'final';
  /** The directory beside the archive that the copy goes to. */
  readonly into: string;
  readonly signal: AbortSignal;
}

export interface ArchiveJob {
  readonly vmid: number;
  /** Where the data come from: the snapshot `vzdump`, the copy that `sync` made, or the stopped guest. */
  readonly from: 'snapshot' | 'copy' | 'stopped';
  /** Configuration keys of the volumes that go in, e.g. `['rootfs', 'mp0']`. */
  readonly volumes: readonly string[];
  /** Absolute path of the archive, e.g. `/var/lib/vz/dump/vzdump-lxc-201-….tar.zst`. */
  readonly target: string;
  /** What `etc/vzdump/pct.conf` in the archive says. */
  readonly configText: string;
  readonly signal: AbortSignal;
}

export interface ArchiveWritten {
  /** What tar wrote before compression. */
  readonly totalBytes: number;
  readonly fileBytes: number;
}

export interface RestoreJob {
  readonly vmid: number;
  readonly archive: string;
  readonly config: GuestConfig;
  readonly signal: AbortSignal;
}

/** An archive that was read until it broke off. */
export class ArchiveTruncatedError extends Error {
  override name = 'ArchiveTruncatedError';
}

/** An archive whose beginning already is no archive. */
export class ArchiveGarbageError extends Error {
  override name = 'ArchiveGarbageError';
}

export interface ArchiveFile {
  readonly path: string;
  readonly fileBytes: number;
  readonly notes?: string;
  readonly protected: boolean;
}

/** The files in the dump directories. */
export interface ArchiveFiles {
  list(dumpDir: string): Promise<readonly ArchiveFile[]>;
  /** The text of `etc/vzdump/pct.conf`; `undefined` when the file is missing. Throws `ArchiveGarbageError`. */
  config(path: string): Promise<string | undefined>;
  /** Removes the archive and its notes; false when there was none. */
  remove(path: string): Promise<boolean>;
  setNotes(path: string, notes: string): Promise<void>;
  setProtected(path: string, on: boolean): Promise<void>;
  writeLog(path: string, text: string): Promise<void>;
}

/**
 * What stands below the API: guests and their disks. The simulator keeps what Proxmox VE keeps in
 * /etc/pve (configuration, lock, list of snapshots); a backend keeps what is on disks and in processes.
 */
export interface GuestBackend {
  readonly archives: ArchiveFiles;
  list(): Promise<readonly GuestSeed[]>;
  state(vmid: number): Promise<GuestState>;
  start(vmid: number, signal: AbortSignal): Promise<void>;
  /** Pulls the plug. */
  stop(vmid: number): Promise<void>;
  /** False when the guest did not stop in time. */
  shutdown(vmid: number, timeoutMs: number, signal: AbortSignal): Promise<boolean>;
  freeze(vmid: number): Promise<void>;
  unfreeze(vmid: number): Promise<void>;
  /**
   * A snapshot of the volumes as one atomic cut, as Proxmox VE takes it: freeze (where the guest runs),
   * syncfs, snapshot each volume, thaw. Afterwards the guest is not frozen, even when it was before.
   */
  snapshot(vmid: number, name: string, volumes: readonly string[]): Promise<void>;
  deleteSnapshot(vmid: number, name: string): Promise<void>;
  /** The guest is stopped when this is called, and stays so. */
  rollback(vmid: number, name: string): Promise<void>;
  sync(job: SyncJob): Promise<{ readonly transferredBytes: number }>;
  archive(job: ArchiveJob): Promise<ArchiveWritten>;
  /** Makes the guest from the archive; stopped. Throws `ArchiveTruncatedError` and leaves nothing behind. */
  restore(job: RestoreJob): Promise<{ readonly totalBytes: number }>;
  destroy(vmid: number): Promise<void>;
}
