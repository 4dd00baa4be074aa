import type { StoredEvent } from '@tacet/protocol';

/** What a page that shows it must ask for again. */
export interface Changes {
  readonly vmids: Set<number>;
  readonly operations: Set<string>;
  /** Guests with a new backup. */
  readonly backupsOf: Set<number>;
  /** Guests came, went, or became others. */
  roll: boolean;
  /** Runs of schedules became due, or ended. */
  runs: boolean;
}

export function noChanges(): Changes {
  return { vmids: new Set(), operations: new Set(), backupsOf: new Set(), roll: false, runs: false };
}

/** Adds what one event gives cause to ask for. */
export function noteEvent(changes: Changes, { type, vmid, data }: StoredEvent): void {
  if (vmid !== null) changes.vmids.add(vmid);
  if (typeof data['operationId'] === 'string') changes.operations.add(data['operationId']);
  if (type === 'operation.finished' && vmid !== null) changes.backupsOf.add(vmid);
  if (type.startsWith('guest.')) changes.roll = true;
  if (type.startsWith('schedule.') || type === 'operation.finished') changes.runs = true;
}

/** Fewer guests than this are asked for one by one; for more, the whole list costs less. */
export const fewGuests = 8;

/**
 * How long to wait before the whole list is asked for again: it may not keep the page, or the controller, busy
 * for more than a tenth of the time.
 */
export function listPauseMs(lastTookMs: number): number {
  return Math.max(2_000, lastTookMs * 10);
}

/** Those that are new go to the end; what a stream sends twice stays once. */
export function appendEvents(
  before: readonly StoredEvent[],
  fresh: readonly StoredEvent[],
  keep: number,
): StoredEvent[] {
  const newest = before.at(-1)?.sequence ?? 0;
  const added = fresh.filter(({ sequence }) => sequence > newest);
  return [...before, ...added].slice(-keep);
}
