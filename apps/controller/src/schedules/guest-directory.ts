import type { Clock, Logger } from '@tacet/runtime';
import { isDeepStrictEqual } from 'node:util';
import type { DrillPolicy } from '../jobs/drill-job.ts';
import { isScratch } from '../jobs/scratch-mark.ts';
import type { NodeGuests } from '../nodes/list-guests.ts';
import type { KnownGuest, KnownGuests } from '../store/known-guests.ts';

export interface GuestDirectoryOptions {
  readonly list: (signal: AbortSignal) => Promise<readonly NodeGuests[]>;
  readonly store: Pick<KnownGuests, 'list' | 'replace'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of drills: in a pool a scratch guest bears its original's tags at first. */
  readonly scratch?: DrillPolicy['vmids'] | undefined;
}

/**
 * The guests that can be backed up, those of a node that is silent as they were last seen, also across a restart:
 * a guest that nobody names at its turn would be left out without a word.
 */
export class GuestDirectory {
  readonly #options: GuestDirectoryOptions;
  #known: ReadonlyMap<string, readonly KnownGuest[]> = new Map();
  #byVmid: ReadonlyMap<number, KnownGuest> = new Map();
  /** As they were at the last look, in the order of their VMIDs. Another array only where something has changed. */
  guests: readonly KnownGuest[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;

  private constructor(options: GuestDirectoryOptions, known: ReadonlyMap<string, readonly KnownGuest[]>) {
    this.#options = options;
    this.#take(known);
  }

  static async open(options: GuestDirectoryOptions): Promise<GuestDirectory> {
    return new GuestDirectory(options, await options.store.list());
  }

  get(vmid: number): KnownGuest | undefined {
    return this.#byVmid.get(vmid);
  }

  /** Asks the nodes, unless that was done within `maxAgeMs`. A node that does not answer fails nothing. */
  async look(maxAgeMs: number, signal: AbortSignal): Promise<readonly KnownGuest[]> {
    const { list, store, clock, log, scratch } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#lookedMs <= maxAgeMs) return this.guests;
    const shown = await list(signal);
    this.#lookedMs = nowMs;
    for (const { through, incompleteBecause } of shown) {
      if (incompleteBecause === undefined) continue;
      log.warn('a node does not show all of its guests: those from before are taken', {
        node: through,
        why: incompleteBecause,
      });
    }
    const known = merge(shown, this.#known, scratch);
    if (isDeepStrictEqual(known, this.#known)) return this.guests;
    this.#take(known);
    try {
      await store.replace(known);
    } catch (error) {
      log.error('which guests there are could not be written down', { error });
    }
    return this.guests;
  }

  #take(known: ReadonlyMap<string, readonly KnownGuest[]>): void {
    this.#known = known;
    this.guests = [...known.values()].flat().toSorted((one, other) => one.vmid - other.vmid);
    this.#byVmid = new Map(this.guests.map((guest) => [guest.vmid, guest]));
  }
}

/** Each guest once: where it is shown now, else where it was before, while that may still be so. */
function merge(
  shown: readonly NodeGuests[],
  before: ReadonlyMap<string, readonly KnownGuest[]>,
  scratch: DrillPolicy['vmids'] | undefined,
): Map<string, KnownGuest[]> {
  const known = new Map<string, KnownGuest[]>(shown.map(({ through }) => [through, []]));
  const taken = new Set<number>();
  const isReserved = ({ vmid }: KnownGuest): boolean =>
    scratch !== undefined && vmid >= scratch.from && vmid <= scratch.to;
  const take = (through: string, guest: KnownGuest): void => {
    // What a drill makes and destroys is nobody's to back up, whatever a schedule selects.
    if (taken.has(guest.vmid) || isScratch(guest) || isReserved(guest)) return;
    taken.add(guest.vmid);
    known.get(through)?.push(guest);
  };
  for (const { through, guests } of shown) for (const guest of guests) take(through, guest);
  for (const { through, incompleteBecause } of shown) {
    if (incompleteBecause === undefined) continue;
    for (const guest of before.get(through) ?? []) take(through, guest);
  }
  for (const guests of known.values()) guests.sort((one, other) => one.vmid - other.vmid);
  return known;
}
