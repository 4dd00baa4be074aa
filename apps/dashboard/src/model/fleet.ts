import type { Guest, Operation } from '@tacet/protocol';
import { type Concern, compareLevels, concernsOf, type Level, levelOf, overdueAfterMs } from './attention.ts';
import { nameOf, nodeOf, readiness, readyOf } from './state.ts';
import { longestStall } from './verdict.ts';

/** A guest, and what is made of it for a row. */
export interface FleetRow {
  readonly guest: Guest;
  readonly name: string;
  readonly node: string | null;
  readonly concerns: readonly Concern[];
  readonly level: Level;
  readonly stallMs: number | null;
  /** Lower case, for the search. */
  readonly text: string;
}

export function fleetRow(guest: Guest, now: number): FleetRow {
  const concerns = concernsOf(guest, now);
  const name = nameOf(guest);
  const stacks = [...new Set(guest.services.map(({ stack }) => stack))];
  return {
    guest,
    name,
    node: nodeOf(guest),
    concerns,
    level: levelOf(concerns),
    stallMs: guest.lastBackup === null ? null : longestStall(guest.lastBackup),
    text: [guest.vmid ?? '', name, nodeOf(guest) ?? '', ...stacks, readiness(guest).words]
      .join(' ')
      .toLowerCase(),
  };
}

export const shows = ['all', 'attention', 'away', 'quarantined', 'simulated'] as const;
export type Show = (typeof shows)[number];
export const sorts = ['attention', 'vmid', 'name', 'readiness', 'age', 'stall'] as const;
export type Sort = (typeof sorts)[number];

export interface FleetView {
  readonly show: Show;
  readonly sort: Sort;
  readonly search: string;
  readonly byNode: boolean;
}

/** Every word of the search must be found somewhere in the row. */
export function selectRows(rows: readonly FleetRow[], view: FleetView): FleetRow[] {
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
  return rows
    .filter((row) => isShown(row, view.show) && words.every((word) => row.text.includes(word)))
    .toSorted((a, b) => comparisons[view.sort](a, b) || byVmid(a, b));
}

function isShown({ guest, level }: FleetRow, show: Show): boolean {
  switch (show) {
    case 'all':
      return true;
    case 'attention':
      return level !== 'fine';
    case 'away':
      return !guest.connected;
    case 'quarantined':
      return guest.identity === 'quarantined';
    case 'simulated':
      return guest.simulated;
  }
}

type Compare = (a: FleetRow, b: FleetRow) => number;

const byVmid: Compare = (a, b) => (a.guest.vmid ?? Infinity) - (b.guest.vmid ?? Infinity) || 0;
const readyRank = { False: 0, Unknown: 1, True: 2 };

const comparisons: Record<Sort, Compare> = {
  attention: (a, b) => compareLevels(a.level, b.level),
  vmid: byVmid,
  name: (a, b) => a.name.localeCompare(b.name),
  readiness: (a, b) =>
    readyRank[readyOf(a.guest)?.status ?? 'Unknown'] - readyRank[readyOf(b.guest)?.status ?? 'Unknown'],
  // A guest without a backup is as old as can be.
  age: (a, b) => (a.guest.lastBackup?.finishedAt ?? 0) - (b.guest.lastBackup?.finishedAt ?? 0),
  stall: (a, b) => (b.stallMs ?? -1) - (a.stallMs ?? -1),
};

/** What a list shows: rows, with the heading of each node's before them where it is grouped. */
export type FleetItem =
  | { readonly kind: 'node'; readonly node: string; readonly count: number }
  | { readonly kind: 'guest'; readonly row: FleetRow };

export function fleetItems(rows: readonly FleetRow[], byNode: boolean): FleetItem[] {
  if (!byNode) return rows.map((row) => ({ kind: 'guest', row }));
  const groups = Map.groupBy(rows, ({ node }) => node ?? 'node not known before the first backup');
  return [...groups]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .flatMap(([node, members]) => [
      { kind: 'node' as const, node, count: members.length },
      ...members.map((row) => ({ kind: 'guest' as const, row })),
    ]);
}

export interface FleetSummary {
  readonly total: number;
  readonly act: number;
  readonly watch: number;
  readonly ready: number;
  /** The last backup is app-consistent, and no older than a day. */
  readonly consistent: number;
  /** A backup of it has come back, in a drill or a restore, as a guest that became ready. */
  readonly proven: number;
  /** Copies in quarantine are nobody's guests: they are counted here, and nowhere else. */
  readonly quarantined: number;
}

export function summariseFleet(
  rows: readonly FleetRow[],
  operations: readonly Operation[],
  now: number,
): FleetSummary {
  const own = rows.filter(({ guest }) => guest.identity === 'enrolled');
  const cameBack = new Set(
    operations
      .filter(({ kind, state }) => kind === 'restore' && state === 'succeeded')
      .map(({ vmid }) => vmid),
  );
  const isProven = ({ vmid, lastBackup }: Guest): boolean =>
    lastBackup?.drill?.outcome === 'proven' || (vmid !== null && cameBack.has(vmid));
  const count = (test: (row: FleetRow) => boolean): number => own.filter(test).length;
  return {
    total: own.length,
    act: rows.filter(({ level }) => level === 'act').length,
    watch: rows.filter(({ level }) => level === 'watch').length,
    ready: count(({ guest }) => guest.connected && readyOf(guest)?.status === 'True'),
    consistent: count(
      ({ guest: { lastBackup } }) =>
        lastBackup?.verdict.consistency === 'app' && now - lastBackup.finishedAt <= overdueAfterMs,
    ),
    proven: count(({ guest }) => isProven(guest)),
    quarantined: rows.length - own.length,
  };
}
