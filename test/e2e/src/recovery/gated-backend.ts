import { MemoryBackend, type MemoryBackendOptions } from '@tacet/pve-sim';
import { type Deferred, deferred } from '@tacet/runtime';

export type Stage =
  | 'snapshot'
  | 'archive'
  | 'notes'
  | 'restore'
  | 'start'
  | 'shutdown'
  | 'rollback'
  | 'destroy';

interface Gate {
  readonly reached: Deferred<void>;
  readonly opened: Deferred<void>;
}

/** Guests in memory, whose node can be held up in the middle of what it does. */
export class GatedBackend extends MemoryBackend {
  readonly #gates = new Map<Stage, Gate>();
  readonly #failing = new Set<number>();

  constructor(options: MemoryBackendOptions) {
    super(options);
    const setNotes = this.archives.setNotes.bind(this.archives);
    this.archives.setNotes = async (path, notes) => {
      await setNotes(path, notes);
      await this.#pass('notes');
    };
  }

  /** Whoever comes to this stage next waits there. */
  close(stage: Stage): { readonly reached: Promise<void>; open(): void } {
    const gate = { reached: deferred(), opened: deferred() };
    this.#gates.set(stage, gate);
    return { reached: gate.reached.promise, open: () => gate.opened.resolve() };
  }

  failRollbackOf(vmid: number): void {
    this.#failing.add(vmid);
  }

  override async snapshot(...job: Parameters<MemoryBackend['snapshot']>): Promise<void> {
    await this.#pass('snapshot');
    await super.snapshot(...job);
  }

  override async archive(...job: Parameters<MemoryBackend['archive']>): ReturnType<MemoryBackend['archive']> {
    await this.#pass('archive');
    return await super.archive(...job);
  }

  override async restore(...job: Parameters<MemoryBackend['restore']>): ReturnType<MemoryBackend['restore']> {
    await this.#pass('restore');
    return await super.restore(...job);
  }

  override async start(...job: Parameters<MemoryBackend['start']>): Promise<void> {
    await this.#pass('start');
    await super.start(...job);
  }

  override async shutdown(
    ...job: Parameters<MemoryBackend['shutdown']>
  ): ReturnType<MemoryBackend['shutdown']> {
    await this.#pass('shutdown');
    return await super.shutdown(...job);
  }

  override async rollback(...job: Parameters<MemoryBackend['rollback']>): Promise<void> {
    await this.#pass('rollback');
    if (this.#failing.has(job[0])) throw new Error('the storage is gone');
    await super.rollback(...job);
  }

  override async destroy(...job: Parameters<MemoryBackend['destroy']>): Promise<void> {
    await this.#pass('destroy');
    await super.destroy(...job);
  }

  async #pass(stage: Stage): Promise<void> {
    const gate = this.#gates.get(stage);
    this.#gates.delete(stage);
    gate?.reached.resolve();
    await gate?.opened.promise;
  }
}
