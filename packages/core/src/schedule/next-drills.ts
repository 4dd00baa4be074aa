/** What is known of a guest that a schedule may drill. */
export interface DrillRecord {
  /** When it last had its turn, whatever came of that; undefined for never. */
  readonly lastTurnAt: number | undefined;
  readonly hasBackup: boolean;
}

interface Turns<Guest> {
  readonly drill: Guest[];
  /** Those before them that have nothing to drill: this was their turn. */
  readonly withoutBackup: Guest[];
}

/** The guests in the order of their turns: who never had one first, then whose last was longest ago. */
export function drillOrder<Guest extends { readonly vmid: number }>(
  guests: readonly Guest[],
  records: ReadonlyMap<number, DrillRecord>,
): Guest[] {
  const turnOf = ({ vmid }: Guest): number => records.get(vmid)?.lastTurnAt ?? Number.NEGATIVE_INFINITY;
  return guests.toSorted((one, other) => {
    const [a, b] = [turnOf(one), turnOf(other)];
    return a === b ? one.vmid - other.vmid : a - b;
  });
}

/**
 * Whose turn it is. A failed drill was a turn too: else the guest whose backup cannot be restored would have every
 * turn, and nobody else one. Who has no backup takes nobody's place.
 */
export function nextDrills<Guest extends { readonly vmid: number }>(
  guests: readonly Guest[],
  records: ReadonlyMap<number, DrillRecord>,
  perRun = 1,
): Turns<Guest> {
  const turns: Turns<Guest> = { drill: [], withoutBackup: [] };
  for (const guest of drillOrder(guests, records)) {
    if (turns.drill.length === perRun) break;
    const hasBackup = records.get(guest.vmid)?.hasBackup ?? true;
    turns[hasBackup ? 'drill' : 'withoutBackup'].push(guest);
  }
  return turns;
}
