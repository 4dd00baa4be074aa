import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '@tacet/runtime';
import type { GuestProcess, GuestProcesses } from './guest.ts';
import { findSqliteFiles } from './sqlite-files.ts';

/** A killed process leaves within a few milliseconds. */
const pollMs = 5;

export interface CgroupProcessesOptions {
  /** Where procfs is mounted. */
  procPath?: string;
  /** The process below it whose mounts are the guest's. */
  viewer?: string;
  clock?: Clock;
}

/** By `cgroup.procs` of cgroup v2 and procfs. A process that ends while it is looked at is none. */
export class CgroupProcesses implements GuestProcesses {
  readonly #procPath: string;
  readonly #viewer: string;
  readonly #clock: Clock;

  constructor(options: CgroupProcessesOptions = {}) {
    this.#procPath = options.procPath ?? '/proc';
    this.#viewer = options.viewer ?? 'self';
    this.#clock = options.clock ?? systemClock;
  }

  async list(cgroup: string): Promise<GuestProcess[]> {
    const processes: GuestProcess[] = [];
    for (const pid of await pidsIn(cgroup)) {
      const name = await this.#read(pid, 'comm');
      if (name !== undefined) processes.push({ pid, name: name.trimEnd() });
    }
    return processes;
  }

  async sqliteFiles(cgroup: string): Promise<{ path: string; name: string }[]> {
    return await findSqliteFiles(await pidsIn(cgroup), this.#procPath, this.#viewer);
  }

  /**
   * With them go their descendants, also where one of those was given another environment (`env -i`, `sudo`).
   * A frozen process dies at once too: in cgroup v2 a fatal signal wakes it (seen with kernel 6.18). One that
   * the kernel keeps in an uninterruptible wait dies when that ends: until then this waits, no longer than its
   * signal.
   */
  async killMarked(cgroup: string, variable: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const marked = await this.#marked(cgroup, variable);
      if (marked.length === 0) return;
      for (const pid of marked) kill(pid);
      await this.#clock.sleep(pollMs, signal);
    }
  }

  async #marked(cgroup: string, variable: string): Promise<number[]> {
    const parents = new Map<number, number>();
    const marked = new Set<number>();
    for (const pid of await pidsIn(cgroup)) {
      const [environment, stat] = await Promise.all([this.#read(pid, 'environ'), this.#read(pid, 'stat')]);
      if (environment === undefined || stat === undefined) continue;
      parents.set(pid, parentOf(stat));
      if (environment.split('\0').some((entry) => entry.startsWith(`${variable}=`))) marked.add(pid);
    }
    const isMarked = (pid: number | undefined): boolean => pid !== undefined && marked.has(pid);
    // Until no generation is left that adds another.
    for (let before = -1; before !== marked.size;) {
      before = marked.size;
      for (const [pid, parent] of parents) if (isMarked(parent)) marked.add(pid);
    }
    return [...marked];
  }

  /** Undefined where the process is gone. */
  async #read(pid: number, name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#procPath, String(pid), name), 'utf8');
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }
}

/** Of the cgroup and everything below it: a container's init can make cgroups of its own. */
async function pidsIn(cgroup: string): Promise<number[]> {
  try {
    const entries = await readdir(cgroup, { withFileTypes: true });
    const below = await Promise.all(
      entries.filter((entry) => entry.isDirectory()).map((entry) => pidsIn(join(cgroup, entry.name))),
    );
    return [...(await ownPids(cgroup)), ...below.flat()];
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

async function ownPids(cgroup: string): Promise<number[]> {
  try {
    const text = await readFile(join(cgroup, 'cgroup.procs'), 'utf8');
    // 0 stands for a process that this PID namespace does not see.
    return text.split('\n').map(Number).filter(Boolean);
  } catch (error) {
    // A threaded cgroup has no processes of its own: they stand in the one above it.
    if (codeOf(error) === 'EOPNOTSUPP') return [];
    throw error;
  }
}

/** The fourth field of `stat` (proc(5)); the second is a name in parentheses that may hold anything. */
function parentOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** ENODEV: a cgroup that was removed while it was open; ESRCH: a process that ended so. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV', 'ESRCH'].includes(codeOf(error) ?? '');
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
