import type { Incarnation } from '@tacet/protocol';
import type { Mount } from './mountinfo.ts';

/** What the agent needs of the guest itself, beside its engine. */
export interface GuestHost {
  /** New at every start of the guest. */
  bootId(): Promise<string>;
  incarnation(): Promise<Incarnation>;
  /** Writes the dirty data of the filesystems that containers live on to disk. */
  syncFilesystems(signal: AbortSignal): Promise<void>;
  readonly freezer: Freezer;
  readonly processes: GuestProcesses;
  /** What is mounted in the guest now. */
  mounts(): Promise<readonly Mount[]>;
}

/**
 * The kernel's cgroup freezer, used directly: less than half the stall of `docker pause`, and it thaws even
 * while the engine hangs. A frozen cgroup does not survive the copy: it is thawed in a restored guest.
 */
export interface Freezer {
  /** The cgroup of a container's first process: an absolute path that stays valid when the process is gone. */
  cgroupOf(pid: number): Promise<string>;
  /** Resolves when the kernel reports every process in it as frozen. */
  freeze(cgroup: string, signal: AbortSignal): Promise<void>;
  /** A cgroup that is gone has nothing frozen in it: success. */
  thaw(cgroup: string, signal: AbortSignal): Promise<void>;
  isFrozen(cgroup: string): Promise<boolean>;
}

/** A process of the guest, with ids of the guest's PID namespace. */
export interface GuestProcess {
  pid: number;
  /** The kernel's short name of it (proc(5), `comm`): at most 15 bytes. */
  name: string;
}

/** What runs in a container, seen from the guest: needs nothing from the engine. */
export interface GuestProcesses {
  /** Empty where the cgroup is gone. */
  list(cgroup: string): Promise<GuestProcess[]>;
  /**
   * Databases that its processes have open, found by SQLite's file header. `path` is where the guest itself sees
   * the file (SQLite resolves links, so `/proc/<pid>/root/…` would not do); `name` is the path in the container.
   */
  sqliteFiles(cgroup: string): Promise<{ path: string; name: string }[]>;
  /**
   * Kills (SIGKILL) every process of the cgroup that has this variable in its environment, and resolves when
   * they are gone: a child inherits it, whatever it did to its process group or session.
   */
  killMarked(cgroup: string, variable: string, signal: AbortSignal): Promise<void>;
}
