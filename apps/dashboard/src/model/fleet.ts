import type { Guest, Lateness, Operation } from '@tacet/protocol';
import { type Concern, compareLevels, concernsOf, type Level, levelOf } from './attention.ts';
import { dueOf } from './due.ts';
import { nameOf, nodeOf, poolOf, readiness, readyOf, tagsOf } from './state.ts';
import { longestStall } from './verdict.ts';

/** A guest, and what is made of it for a row. */
export interface FleetRow {
  readonly guest: Guest;
  readonly name: string;
  readonly node: string | null;
  readonly concerns: readonly Concern[];
  readonly level: Level;
  /** Null where its newest backup is as new as its schedules want it. */
  readonly lateness: Lateness | null;
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
    lateness: dueOf(guest, now).lateness,
    stallMs: guest.lastBackup === null ? null : longestStall(guest.lastBackup),
    text: [
      guest.vmid ?? '',
      name,
      nodeOf(guest) ?? '',
      ...tagsOf(guest),
      poolOf(guest) ?? '',
      ...stacks,
      readiness(guest).words,
    ]
      .join(' ')
      .toLowerCase(),
  };
}

export const shows = ['all', 'attention', 'overdue', 'unproven', 'away', 'quarantined', 'simulated'] as const;
export type Show = (typeof shows)[number];
export const groups = ['none', 'node', 'tag', 'pool'] as const;
export type Group = (typeof groups)[number];
export const sorts = ['attention', 'vmid', 'name', 'readiness', 'age', 'stall'] as const;
export type Sort = (typeof sorts)[number];

export interface FleetView {
  readonly show: Show;
  readonly sort: Sort;
  readonly search: string;
  readonly group: Group;
}

/** Every word of the search must be found somewhere in the row. */
export function selectRows(rows: readonly FleetRow[], view: FleetView): FleetRow[] {
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
  return rows
    .filter((row) => isShown(row, view.show) && words.every((word) => row.text.includes(word)))
    .toSorted((a, b) => comparisons[view.sort](a, b) || byVmid(a, b));
}

function isShown({ guest, level, lateness }: FleetRow, show: Show): boolean {
  switch (show) {
    case 'all':
      return true;
    case 'attention':
      return level !== 'fine';
    case 'overdue':
      return lateness !== null;
    case 'unproven':
      return guest.identity === 'enrolled' && guest.lastBackup?.verdict.consistency !== 'app';
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

/** What a list shows: rows, with a heading before those of a group. One with several tags stands in several groups. */
export type FleetItem =
  | { readonly kind: 'group'; readonly name: string; readonly count: number }
  | { readonly kind: 'guest'; readonly row: FleetRow; readonly group: string };

export function fleetItems(rows: readonly FleetRow[], group: Group): FleetItem[] {
  if (group === 'none') return rows.map((row) => ({ kind: 'guest', row, group: '' }));
  const members = new Map<string, FleetRow[]>();
  const others: FleetRow[] = [];
  for (const row of rows) {
    const names = groupsOf(row, group);
    for (const name of names) {
      const own = members.get(name);
      if (own === undefined) members.set(name, [row]);
      else own.push(row);
    }
    if (names.length === 0) others.push(row);
  }
  const named = [...members].toSorted(([a], [b]) => a.localeCompare(b));
  const all = others.length === 0 ? named : [...named, [without[group], others] as const];
  return all.flatMap(([name, own]) => [
    { kind: 'group' as const, name, count: own.length },
    ...own.map((row) => ({ kind: 'guest' as const, row, group: name })),
  ]);
}

const without = { node: 'node not known yet', tag: 'without a tag', pool: 'in no pool' };

function groupsOf({ guest, node }: FleetRow, group: 'node' | 'tag' | 'pool'): readonly string[] {
  if (group === 'tag') return tagsOf(guest);
  const name = group === 'node' ? node : poolOf(guest);
  return name === null ? [] : [name];
}

export interface FleetSummary {
  readonly total: number;
  readonly act: number;
  readonly watch: number;
  readonly ready: number;
  /** The last backup is app-consistent, and as new as its schedules want it. */
  readonly consistent: number;
  /** A backup of it has come back, in a drill or a restore, as a guest that became ready. */
  readonly proven: number;
  /** Copies in quarantine are nobody's guests: they are counted here, and nowhere else. */
  readonly quarantined: number;
}

export function summariseFleet(rows: readonly FleetRow[], operations: readonly Operation[]): FleetSummary {
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
      ({ guest: { lastBackup }, lateness }) => lastBackup?.verdict.consistency === 'app' && lateness === null,
    ),
    proven: count(({ guest }) => isProven(guest)),
    quarantined: rows.length - own.length,
  };
}
