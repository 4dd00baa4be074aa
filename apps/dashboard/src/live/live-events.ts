import { type Guest, type StoredEvent, storedEventSchema } from '@tacet/protocol';
import type { QueryClient } from '@tanstack/react-query';
import { ApiProblem } from '../api/problem.ts';
import { eventsKept, eventsQuery, guestQuery, guestsQuery } from '../api/queries.ts';
import { appendEvents, type Changes, fewGuests, listPauseMs, noChanges, noteEvent } from './what-changed.ts';

/** Whether what is shown is what is; `since` is when that was last certain. */
export type Liveness =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'stale'; readonly since: number };

const streamPath = '/api/v1/events/stream';
const gatherMs = 250;
const reconnectMs = 5_000;

/**
 * Follows the controller's events, and has everything asked for again that they touch: at most four times a
 * second, and the whole fleet more rarely.
 *
 * @returns how to stop it
 */
export function followEvents(client: QueryClient, onLiveness: (liveness: Liveness) => void): () => void {
  let changes = noChanges();
  let fresh: StoredEvent[] = [];
  let gathering: ReturnType<typeof setTimeout> | undefined;
  let reconnecting: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource | undefined;
  let heardAt = Date.now();
  let hasGap = false;
  const list = listRefresher(client);

  const flush = (): void => {
    gathering = undefined;
    const noted = changes;
    const added = fresh;
    changes = noChanges();
    fresh = [];
    client.setQueryData(eventsQuery.queryKey, (before) => before && appendEvents(before, added, eventsKept));
    refresh(client, noted, list.ask);
  };

  const take = ({ data }: MessageEvent<string>): void => {
    heardAt = Date.now();
    const event = storedEventSchema.safeParse(readJson(data));
    if (!event.success) return; // a kind of event that this page is too old for: the next poll shows the rest
    fresh.push(event.data);
    noteEvent(changes, event.data);
    gathering ??= setTimeout(flush, gatherMs);
  };

  const connect = (): void => {
    source = new EventSource(streamPath);
    source.addEventListener('open', () => {
      heardAt = Date.now();
      onLiveness({ kind: 'live' });
      if (hasGap) void client.invalidateQueries(); // what happened meanwhile was not heard
      hasGap = false;
    });
    source.addEventListener('message', take);
    source.addEventListener('error', () => {
      miss();
      // A refusal ends an EventSource for good; a lost connection it mends by itself.
      if (source?.readyState === EventSource.CLOSED) reconnecting = setTimeout(connect, reconnectMs);
    });
  };

  const miss = (): void => {
    if (!hasGap) onLiveness({ kind: 'stale', since: heardAt });
    hasGap = true;
  };
  /** A stream over a network that has gone can look open for minutes. */
  const again = (): void => {
    miss();
    clearTimeout(reconnecting);
    source?.close();
    connect();
  };
  const unwatch = client.getQueryCache().subscribe(({ type, query }) => {
    if (type === 'updated' && query.state.error instanceof ApiProblem && !hasGap) {
      if (query.state.error.code === 'unreachable') again();
    }
  });
  window.addEventListener('offline', again);
  window.addEventListener('online', again);

  onLiveness({ kind: 'connecting' });
  connect();
  return () => {
    window.removeEventListener('offline', again);
    window.removeEventListener('online', again);
    unwatch();
    source?.close();
    list.stop();
    clearTimeout(gathering);
    clearTimeout(reconnecting);
  };
}

function refresh(client: QueryClient, changes: Changes, askForList: () => void): void {
  const { vmids, operations, backupsOf, roll, runs } = changes;
  const invalidate = (queryKey: readonly unknown[]): void => void client.invalidateQueries({ queryKey });
  for (const id of operations) invalidate(['operation', id]);
  if (operations.size > 0) invalidate(['operations']);
  for (const vmid of backupsOf) for (const key of ['backups', 'snapshots']) invalidate([key, vmid]);
  for (const vmid of vmids) invalidate(['guest', vmid]);
  if (runs) for (const key of ['schedules', 'schedule-runs']) invalidate([key]);
  if (roll || vmids.size > fewGuests) askForList();
  else for (const vmid of vmids) void mergeGuest(client, vmid);
}

/** One guest's new picture goes into the list, which is not asked for as a whole. */
async function mergeGuest(client: QueryClient, vmid: number): Promise<void> {
  if (client.getQueryData(guestsQuery.queryKey) === undefined) return;
  try {
    const guest = await client.fetchQuery({ ...guestQuery(vmid), retry: false });
    client.setQueryData(guestsQuery.queryKey, (list: Guest[] | undefined) =>
      list?.map((one) => (one.id === guest.id ? guest : one)),
    );
  } catch {
    // It may be gone, or the controller: the list, which is asked for regularly, says which.
    void client.invalidateQueries({ queryKey: guestsQuery.queryKey });
  }
}

/** Asks for the whole list now, or as soon as it may be asked for again. */
function listRefresher(client: QueryClient): { ask: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let notBefore = 0;
  const run = async (): Promise<void> => {
    const startedAt = performance.now();
    await client.invalidateQueries({ queryKey: guestsQuery.queryKey });
    notBefore = performance.now() + listPauseMs(performance.now() - startedAt);
    timer = undefined;
  };
  return {
    ask: () => {
      timer ??= setTimeout(() => void run(), Math.max(0, notBefore - performance.now()));
    },
    stop: () => clearTimeout(timer),
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it
  }
}
