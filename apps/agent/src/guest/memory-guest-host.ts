import { randomUUID } from 'node:crypto';
import type { Incarnation } from '@tacet/protocol';
import type { MemoryEngine } from '../engine/memory-engine.ts';
import type { Freezer, GuestHost, GuestProcess, GuestProcesses } from './guest.ts';
import type { Mount } from './mountinfo.ts';

/** The guest around a {@link MemoryEngine}. Every instance is another boot. */
export class MemoryGuestHost implements GuestHost {
  readonly freezer: Freezer;
  readonly processes = new MemoryProcesses();
  /** How often the filesystems were synced. */
  syncs = 0;
  readonly #engine: MemoryEngine;
  readonly #incarnation: Incarnation;
  readonly #bootId: string;

  constructor(options: { engine: MemoryEngine; incarnation?: Partial<Incarnation>; bootId?: string }) {
    this.#engine = options.engine;
    this.freezer = options.engine.freezer;
    this.#bootId = options.bootId ?? randomUUID();
    this.#incarnation = {
      vmid: 101,
      macs: ['bc:24:11:00:01:01'],
      machineId: '6f1d2c3b4a5968778695a4b3c2d1e0f1',
      hostname: 'guest-101',
      ...options.incarnation,
    };
  }

  async bootId(): Promise<string> {
    return this.#bootId;
  }

  async incarnation(): Promise<Incarnation> {
    return structuredClone(this.#incarnation);
  }

  async mounts(): Promise<readonly Mount[]> {
    return [{ device: '0:53', mountPoint: '/', type: 'btrfs', readOnly: false }];
  }

  async syncFilesystems(signal: AbortSignal): Promise<void> {
    await this.#engine.faults.before('sync', undefined, signal);
    this.syncs += 1;
  }
}

/** No container runs anything unless told. By cgroup. */
export class MemoryProcesses implements GuestProcesses {
  readonly running = new Map<string, GuestProcess[]>();
  readonly databases = new Map<string, { path: string; name: string }[]>();
  /** Where marked processes were killed, in turn. */
  readonly killedIn: string[] = [];

  async list(cgroup: string): Promise<GuestProcess[]> {
    return this.running.get(cgroup) ?? [];
  }

  async sqliteFiles(cgroup: string): Promise<{ path: string; name: string }[]> {
    return this.databases.get(cgroup) ?? [];
  }

  async killMarked(cgroup: string, _variable: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.killedIn.push(cgroup);
  }
}
