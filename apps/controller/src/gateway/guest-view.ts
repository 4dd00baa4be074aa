import type { Backup, Guest } from '@tacet/protocol';
import type { StoredGuest } from '../store/guests.ts';
import { conditionsOf, type LiveGuest } from './roster.ts';

/** A guest as the API shows it: what the store knows, with the newest picture over it. */
export function guestView(
  stored: StoredGuest,
  live: LiveGuest | undefined,
  lastBackup: Backup | null,
  simulated: boolean,
): Guest {
  const status = live?.status ?? stored.status;
  const connected = live != null && live.session !== null;
  const lastSeenAt = live?.lastSeenAt ?? stored.lastSeenAt;
  return {
    id: stored.id,
    vmid: stored.vmid,
    identity: stored.identity,
    ...(stored.identity === 'quarantined' && stored.origin?.vmid != null && { copyOf: stored.origin.vmid }),
    connected,
    agentVersion: live?.agentVersion ?? stored.agentVersion,
    incarnation: live?.incarnation ?? stored.incarnation,
    quiesceState: connected ? (status?.quiesceState ?? null) : null,
    conditions: status === null ? [] : conditionsOf(status, connected, lastSeenAt ?? 0),
    services: status?.services ?? [],
    lastSeenAt,
    lastBackup,
    simulated,
  };
}
