import type { ChildProcess } from 'node:child_process';

/** What the lab is doing. `done` ends a phase; a phase that is still going may be reported again. */
export interface LabProgress {
  phase: string;
  detail?: string;
  done: boolean;
  elapsedMs: number;
}

export interface OpenLabOptions {
  onProgress?: (progress: LabProgress) => void;
  signal: AbortSignal;
  /** What to do with guests that an earlier run left behind. Default `destroy`. */
  leftovers?: 'destroy' | 'adopt';
}

/** Disposing takes the lab down: guests, mounts, loop device, bridge. The cache stays. */
export interface Lab extends AsyncDisposable {
  readonly bridge: { name: string; hostAddress: string; subnet: string };
  /** Directory for what tests make (archives, acknowledgement logs); gone when the lab is taken down. */
  readonly scratchDirectory: string;
  createGuest(options: {
    vmid: number;
    hostname?: string;
    memoryMb?: number;
    signal?: AbortSignal;
  }): Promise<Guest>;
  guest(vmid: number): Guest | undefined;
  guests(): Guest[];
  /**
   * A guest from an archive, as Proxmox restores: MAC and hostname are the archive's unless given, machine-id
   * is always copied, `unique` makes a new MAC. `force` replaces a stopped guest of that VMID. An archive
   * that cannot be read to its end throws and leaves no guest behind.
   *
   * From a snapshot of a guest that is still there it has the same files, and takes no time.
   */
  restoreGuest(
    options: {
      vmid: number;
      force?: boolean;
      mac?: string;
      unique?: boolean;
      hostname?: string;
      memoryMb?: number;
      signal?: AbortSignal;
    } & RestoreSource,
  ): Promise<Guest>;
  /** Lets go of the lab without taking it down: guests go on running. For a command line, not for tests. */
  release(): Promise<void>;
}

export type RestoreSource = { archive: string } | { snapshot: { vmid: number; name: string } };

export type GuestStatus = 'running' | 'stopped' | 'frozen';

export interface ExecOptions {
  stdin?: string | Uint8Array;
  signal?: AbortSignal;
  /** Default 60 s. */
  timeoutMs?: number;
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Wall clock of the host (ms since 1970) for the instants, durations from its monotonic clock. */
export interface SnapshotTimings {
  frozenAt: number;
  thawedAt: number;
  frozenMs: number;
  syncfsMs: number;
  snapshotMs: number;
}

export interface ArchiveResult {
  /** Size of the tar stream before compression. */
  bytesRead: number;
  archiveBytes: number;
}

export interface Guest {
  readonly vmid: number;
  readonly hostname: string;
  readonly mac: string;
  /** IPv4 address: a function of the VMID, the lab is its bridge's DHCP. */
  address(): string;
  /** The guest's root filesystem as the host sees it (ids shifted by 100000). */
  readonly rootPath: string;
  /** Resolves when the guest's init runs; see {@link waitForEngine} for Docker. */
  start(signal?: AbortSignal): Promise<void>;
  /** Hard: kills every process at once, as pulling the plug does. */
  stop(signal?: AbortSignal): Promise<void>;
  /** Asks init to power off; throws when it has not within the deadline (default 60 s). */
  shutdown(signal?: AbortSignal, timeoutMs?: number): Promise<void>;
  status(): Promise<GuestStatus>;
  freeze(): Promise<void>;
  unfreeze(): Promise<void>;
  /** Writes out all the guest's filesystems, from the host. */
  syncfs(): Promise<void>;
  /** As Proxmox does for a running guest: freeze, syncfs, storage snapshot, thaw. A stopped one: snapshot only. */
  snapshot(name: string, hooks?: SnapshotHooks): Promise<SnapshotTimings>;
  deleteSnapshot(name: string): Promise<void>;
  /** The guest must be stopped. */
  rollback(name: string): Promise<void>;
  snapshots(): Promise<string[]>;
  /** A .tar.zst of a snapshot, or of the live tree, without what vzdump leaves out; ids unshifted. */
  archive(options: { snapshot?: string; target: string; signal?: AbortSignal }): Promise<ArchiveResult>;
  /** Stops it if it runs and removes everything of it, snapshots included. */
  destroy(): Promise<void>;
  /** Runs a program in the guest as root with a clean environment; a non-zero exit code is a result, no error. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  spawn(argv: readonly string[]): ChildProcess;
  /** Works while the guest runs and while it is stopped. Missing directories are made. Mode default 0644. */
  writeFile(path: string, content: string | Uint8Array, mode?: number): Promise<void>;
  readFile(path: string): Promise<Buffer>;
  /** Resolves when the Docker daemon answers. */
  waitForEngine(signal?: AbortSignal, timeoutMs?: number): Promise<void>;
  /** Pulls and plugs the host's end of the guest's network cable. */
  cutNetwork(): Promise<void>;
  restoreNetwork(): Promise<void>;
}

/** For tests that must act while the guest is frozen, e.g. to see what a fault there does. */
export interface SnapshotHooks {
  whileFrozen?: () => Promise<void>;
}

/** The compose projects that lie in every guest, see `stacks`. */
export type StackName = 'shop' | 'engines';

/** Numbered writes of one kind to one database; where they go is in `stacks`. `mariadb` is InnoDB's. */
export type WriteStream =
  | 'postgres'
  | 'redis'
  | 'mariadb'
  | 'aria'
  | 'myisam'
  | 'redis-rdb'
  | 'redis-aof'
  | 'valkey'
  | 'sqlite';

/** A write that its database confirmed to the writer, and that the writer could still report. */
export interface Acknowledgement {
  stack: StackName;
  stream: WriteStream;
  /** Random per start of a writer. */
  runId: string;
  seq: number;
  guestAddress: string;
  /** Host time of arrival: wall clock and monotonic. */
  atMs: number;
  monotonicMs: number;
}

/** Both stacks write a stream `postgres`; where both of them ran in a guest, only `acknowledged` can tell. */
export interface AckCollector extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly file: string;
  acknowledged(
    stream: WriteStream,
    filter?: { guestAddress?: string; before?: number; stack?: StackName },
  ): Acknowledgement[];
  /** The write stall: longest time without an acknowledgement between two host times (`Date.now()`), in ms. */
  longestGap(stream: WriteStream, window: { from: number; to: number; guestAddress: string }): number;
  /** Acknowledged writes per second between two host times. */
  rate(stream: WriteStream, window: { from: number; to: number; guestAddress: string }): number;
  /** Resolves at the first acknowledgement of that stream and guest that arrives after the call. */
  next(stream: WriteStream, guestAddress: string, signal: AbortSignal): Promise<Acknowledgement>;
}

export interface MissingWrites {
  stream: WriteStream;
  /** Acknowledged writes that were looked for. */
  acknowledged: number;
  missing: { runId: string; seq: number }[];
}
