import type { Placement, RunningBackup } from '@tacet/core';
import type { Operation, Schedule, ScheduleRun } from '@tacet/protocol';
import { describeError, type Logger } from '@tacet/runtime';
import type { NodesPort } from '../jobs/ports.ts';
import type { NodeRequests } from '../store/node-requests.ts';
import type { GuestDirectory } from './guest-directory.ts';

export interface PlacementsOptions {
  readonly directory: GuestDirectory;
  readonly requests: Pick<NodeRequests, 'of'>;
  readonly nodes: Pick<NodesPort, 'byName'>;
  readonly log: Logger;
}

/** On which node backups are made and where they go, for the limits of concurrency. */
export class Placements {
  readonly #options: PlacementsOptions;
  /** By node and storage. */
  readonly #shared = new Map<string, boolean>();

  constructor(options: PlacementsOptions) {
    this.#options = options;
  }

  /** Of a run that waits. A guest that nobody shows is nowhere: its backup may begin, and will say so. */
  async ofRun(
    { vmid }: ScheduleRun,
    schedule: Schedule | undefined,
    signal: AbortSignal,
  ): Promise<Placement> {
    const guest = this.#options.directory.get(vmid);
    const node = guest?.node ?? `nowhere-${vmid}`;
    const storage = schedule?.storage ?? guest?.storage ?? '';
    const storageIsShared =
      schedule?.concurrency.perStorage !== undefined && (await this.#isShared(node, storage, vmid, signal));
    return { vmid, node, storage, storageIsShared };
  }

  /** Of a backup that runs: where it was asked for last, else where its guest is. */
  async ofBackup(
    { id, vmid }: Operation,
    run: ScheduleRun | undefined,
    schedule: Schedule | undefined,
    limitsStorages: boolean,
    signal: AbortSignal,
  ): Promise<RunningBackup> {
    const asked = (await this.#options.requests.of(id)).at(-1);
    const guest = this.#options.directory.get(vmid);
    const node = asked?.node ?? guest?.node ?? `nowhere-${vmid}`;
    const storage = asked?.storage ?? schedule?.storage ?? guest?.storage ?? '';
    const storageIsShared = limitsStorages && (await this.#isShared(node, storage, vmid, signal));
    return { vmid, node, storage, storageIsShared, schedule: run?.schedule };
  }

  /** Where nobody can say, it is taken for shared: then too little runs at a time, and not too much. */
  async #isShared(node: string, storage: string, vmid: number, signal: AbortSignal): Promise<boolean> {
    const key = `${node}/${storage}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    try {
      const shared = await this.#options.nodes.byName(node, vmid).storageIsShared(storage, signal);
      this.#shared.set(key, shared);
      return shared;
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn('whether a storage is shared is not known', {
        node,
        storage,
        why: describeError(error),
      });
      return true;
    }
  }
}
