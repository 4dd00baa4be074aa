import type { GuestSelector } from '@tacet/protocol';
import { matchesNamePattern } from './name-pattern.ts';

/** What a selector looks at; `/cluster/resources` has all of it. */
export interface SelectableGuest {
  readonly vmid: number;
  readonly name: string | undefined;
  readonly tags: readonly string[];
  readonly pool: string | undefined;
}

export interface Selection<Guest> {
  /** In the order in which they were given. */
  readonly selected: Guest[];
  /**
   * What stands in `include` and matches no guest, as `VMID 105`: it may be misspelt, gone, or not to be seen by
   * the token, and then a backup is missing that somebody counts on.
   */
  readonly unmatched: string[];
}

type Matches = (guest: SelectableGuest) => boolean;

/** A guest is selected when one thing in `include` matches it and nothing in `exclude` does. */
export function selectGuests<Guest extends SelectableGuest>(
  { include, exclude = {} }: GuestSelector,
  guests: readonly Guest[],
): Selection<Guest> {
  const wanted = criteriaOf(include);
  const unwanted = criteriaOf(exclude);
  return {
    selected: guests.filter(
      (guest) =>
        wanted.some(({ matches }) => matches(guest)) && !unwanted.some(({ matches }) => matches(guest)),
    ),
    unmatched: wanted.filter(({ matches }) => !guests.some(matches)).map(({ what }) => what),
  };
}

/** What of `include` matches a guest, as `tag prod`. */
export function whyIncluded({ include }: GuestSelector, guest: SelectableGuest): string[] {
  return criteriaOf(include)
    .filter(({ matches }) => matches(guest))
    .map(({ what }) => what);
}

function criteriaOf({
  all,
  vmids = [],
  tags = [],
  pools = [],
  names = [],
}: Partial<GuestSelector['include']>): { what: string; matches: Matches }[] {
  return [
    ...(all ? [{ what: 'all', matches: () => true }] : []),
    ...vmids.map((vmid) => ({
      what: `VMID ${vmid}`,
      matches: (guest: SelectableGuest) => guest.vmid === vmid,
    })),
    ...tags.map((tag) => ({ what: `tag ${tag}`, matches: hasTag(tag) })),
    ...pools.map((pool) => ({
      what: `pool ${pool}`,
      matches: (guest: SelectableGuest) => guest.pool === pool,
    })),
    ...names.map((pattern) => ({
      what: `name ${pattern}`,
      matches: ({ name }: SelectableGuest) => name !== undefined && matchesNamePattern(pattern, name),
    })),
  ];
}

/** Unless told otherwise, Proxmox VE writes all tags in small letters. */
function hasTag(tag: string): Matches {
  const wanted = tag.toLowerCase();
  return ({ tags }) => tags.some((own) => own.toLowerCase() === wanted);
}
