import type { Condition, GuestStatus, Incarnation } from '@tacet/protocol';
import { orAborted, deferred } from '@tacet/runtime';
import { type AgentSession, closeCodes } from './agent-session.ts';

/** A guest whose agent is, or was, connected since this controller started. */
export interface LiveGuest {
  readonly guestId: string;
  readonly vmid: number | null;
  readonly identity: 'enrolled' | 'quarantined';
  readonly agentVersion: string;
  readonly incarnation: Incarnation;
  /** Null once it has ended; the picture below stays. */
  readonly session: AgentSession | null;
  readonly status: GuestStatus;
  readonly lastSeenAt: number;
}

/** Who is here, and the newest picture of each. The one place where it changes. */
export class Roster {
  readonly #guests = new Map<string, LiveGuest>();
  #change = deferred();

  get(guestId: string): LiveGuest | undefined {
    return this.#guests.get(guestId);
  }

  all(): LiveGuest[] {
    return [...this.#guests.values()];
  }

  /** The one that bears a VMID by right; a quarantined copy never stands in for it. */
  enrolled(vmid: number): LiveGuest | undefined {
    return this.all().find((guest) => guest.vmid === vmid && guest.identity === 'enrolled');
  }

  get sessionCount(): number {
    return this.all().filter((guest) => guest.session !== null).length;
  }

  /** A newer session of a guest takes the older one's place: the older is a connection that has not noticed. */
  enter(guest: LiveGuest & { session: AgentSession }): void {
    const older = this.#guests.get(guest.guestId)?.session;
    this.#guests.set(guest.guestId, guest);
    older?.close(closeCodes.policy, 'a newer session of this guest has opened');
    this.#changed();
  }

  update(
    session: AgentSession,
    guestId: string,
    change: Partial<Pick<LiveGuest, 'status' | 'lastSeenAt'>>,
  ): void {
    const guest = this.#guests.get(guestId);
    if (guest?.session !== session) return; // a session that was replaced has nothing to say any more
    this.#guests.set(guestId, { ...guest, ...change });
    this.#changed();
  }

  /** False where a newer session has taken its place already. */
  leave(session: AgentSession, guestId: string, now: number): boolean {
    const guest = this.#guests.get(guestId);
    if (guest?.session !== session) return false;
    this.#guests.set(guestId, { ...guest, session: null, lastSeenAt: now });
    this.#changed();
    return true;
  }

  /** Who was displaced, adopted or dismissed is not what it was: its session is over. */
  forget(guestId: string, why = 'another guest has taken this VMID'): void {
    const session = this.#guests.get(guestId)?.session;
    this.#guests.delete(guestId);
    session?.close(closeCodes.policy, why);
    this.#changed();
  }

  /** Resolves at the next change of anything here. */
  async nextChange(signal: AbortSignal): Promise<void> {
    await orAborted(this.#change.promise, signal);
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = deferred();
  }
}

/** Without a session nobody knows: the Kubernetes meaning of Unknown. The last word is kept in the message. */
export function conditionsOf(status: GuestStatus, connected: boolean, lastSeenAt: number): Condition[] {
  if (connected) return status.conditions;
  return status.conditions.map((condition) => ({
    ...condition,
    status: 'Unknown',
    reason: 'AgentNotConnected',
    message: `no agent is connected; it was ${condition.status} before: ${condition.message}`,
    lastTransitionTime: condition.status === 'Unknown' ? condition.lastTransitionTime : lastSeenAt,
  }));
}
