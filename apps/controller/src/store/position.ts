/** Where a page of a list ended: the time of its last entry, and its id, for several may share a time. */
export interface Position {
  readonly at: number;
  readonly id: string;
}

/** In the order in which lists are shown: newest first, then by id. */
export function isNewer(one: Position, other: Position): boolean {
  return one.at === other.at ? one.id > other.id : one.at > other.at;
}
