import { randomUUID } from 'node:crypto';
import type { Incarnation } from '@tacet/protocol';
import type { MemoryEngine } from '../engine/memory-engine.ts';
import type { Freezer, GuestHost } from './guest.ts';

/** The guest around a {@link MemoryEngine}. Every instance is another boot. */
export class MemoryGuestHost implements GuestHost {
  readonly freezer: Freezer;
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

  async syncFilesystems(signal: AbortSignal): Promise<void> {
    await this.#engine.faults.before('sync', undefined, signal);
    this.syncs += 1;
  }
}
