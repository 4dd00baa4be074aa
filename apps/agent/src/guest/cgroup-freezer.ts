import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, describeError, systemClock, TacetError } from '@tacet/runtime';
import type { Freezer } from './guest.ts';

/** The kernel freezes within a few milliseconds; a process in uninterruptible sleep makes it wait. */
const pollMs = 2;

/** A process that enters a frozen cgroup (`docker exec`, a health check) makes it count as not frozen at first. */
const newcomerMs = 200;

export interface CgroupFreezerOptions {
  /** Where procfs and cgroup v2 are mounted. */
  procPath?: string;
  cgroupPath?: string;
  clock?: Clock;
}

/** `cgroup.freeze` and `cgroup.events` of cgroup v2 (the kernel's Documentation/admin-guide/cgroup-v2.rst). */
export class CgroupFreezer implements Freezer {
  readonly #procPath: string;
  readonly #cgroupPath: string;
  readonly #clock: Clock;

  constructor(options: CgroupFreezerOptions = {}) {
    this.#procPath = options.procPath ?? '/proc';
    this.#cgroupPath = options.cgroupPath ?? '/sys/fs/cgroup';
    this.#clock = options.clock ?? systemClock;
  }

  async cgroupOf(pid: number): Promise<string> {
    let lines: string[];
    try {
      lines = (await readFile(join(this.#procPath, String(pid), 'cgroup'), 'utf8')).split('\n');
    } catch (error) {
      throw new TacetError(`process ${pid} is gone`, { code: 'not-found', cause: error });
    }
    const path = lines.find((line) => line.startsWith('0::'))?.slice('0::'.length);
    // A cgroup namespace's root or something above it would freeze the guest, the agent included.
    if (path === undefined || path === '/' || path.includes('/..')) {
      throw new TacetError(`process ${pid} is in no cgroup of its own`, {
        code: 'internal',
        hint: 'Tacet needs cgroup v2 in the guest, with one cgroup per container.',
      });
    }
    return join(this.#cgroupPath, containerPartOf(path));
  }

  async freeze(cgroup: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    try {
      write(cgroup, '1');
      while (!kernelSaysFrozen(cgroup)) await this.#clock.sleep(pollMs, signal);
    } catch (error) {
      // Whoever gave up waiting has perhaps thawed before this write: it must not be the last word.
      this.#release(cgroup);
      if (signal.aborted) throw signal.reason;
      throw isGone(error)
        ? new TacetError(`${cgroup} is gone`, { code: 'not-found', cause: error })
        : new TacetError(`the kernel did not freeze ${cgroup}`, { code: 'hold-failed', cause: error });
    }
  }

  async thaw(cgroup: string, signal: AbortSignal): Promise<void> {
    this.#release(cgroup);
    while (kernelSaysFrozen(cgroup)) await this.#clock.sleep(pollMs, signal);
  }

  async isFrozen(cgroup: string): Promise<boolean> {
    const startedMs = this.#clock.monotonicMs();
    while (isMeantToBeFrozen(cgroup)) {
      if (kernelSaysFrozen(cgroup)) return true;
      if (this.#clock.monotonicMs() - startedMs > newcomerMs) return false;
      await this.#clock.sleep(pollMs);
    }
    return false;
  }

  #release(cgroup: string): void {
    try {
      write(cgroup, '0');
    } catch (error) {
      if (isGone(error)) return;
      throw new TacetError(`cannot thaw ${cgroup}: ${describeError(error)}`, {
        code: 'internal',
        retryable: true,
        cause: error,
      });
    }
  }
}

// Not through the thread pool: the kernel keeps none of these calls waiting, and a whole stack waits for them.

function write(cgroup: string, value: '0' | '1'): void {
  // `r+`: the directory of a cgroup that is gone must never be filled with a file of ours.
  writeFileSync(join(cgroup, 'cgroup.freeze'), value, { flag: 'r+' });
}

function isMeantToBeFrozen(cgroup: string): boolean {
  return read(cgroup, 'cgroup.freeze')?.trim() === '1';
}

function kernelSaysFrozen(cgroup: string): boolean {
  return read(cgroup, 'cgroup.events')?.split('\n').includes('frozen 1') ?? false;
}

/** Undefined where the cgroup is gone. */
function read(cgroup: string, name: string): string | undefined {
  try {
    return readFileSync(join(cgroup, name), 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** ENODEV: the cgroup was removed between opening and using its file. */
function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV');
}

/**
 * A container whose init makes cgroups of its own (systemd) has its first process in one of them: the whole
 * container is the part up to the component that carries the container's id.
 */
function containerPartOf(path: string): string {
  return /^.*\/[^/]*[0-9a-f]{64}[^/]*(?=\/|$)/.exec(path)?.[0] ?? path;
}
