import type { Notice } from './notice.ts';

export interface Queued {
  readonly id: number;
  /** When it was put there. */
  readonly at: number;
  readonly notice: Notice;
}

export interface Group {
  readonly queued: readonly [Queued, ...Queued[]];
  readonly dueAt: number;
}

/** What becomes one message: of one kind, from the first of them on. The one that is due first comes first. */
export function groupsOf(queued: readonly Queued[], groupMs: number, now: number): Group[] {
  const groups = new Map<string, [Queued, ...Queued[]]>();
  for (const one of queued) {
    const key = `${one.notice.kind} ${one.notice.resolved}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()]
    .map((group) => ({
      queued: group,
      // A clock that was set back must not make it wait for longer.
      dueAt: Math.min(...group.map(({ at }) => at), now) + groupMs,
    }))
    .toSorted((one, other) => one.dueAt - other.dueAt);
}
