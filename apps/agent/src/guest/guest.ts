import type { Incarnation } from '@tacet/protocol';

/** What the agent needs of the guest itself, beside its engine. */
export interface GuestHost {
  /** New at every start of the guest. */
  bootId(): Promise<string>;
  incarnation(): Promise<Incarnation>;
  /** Writes the dirty data of the filesystems that containers live on to disk. */
  syncFilesystems(signal: AbortSignal): Promise<void>;
  readonly freezer: Freezer;
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
