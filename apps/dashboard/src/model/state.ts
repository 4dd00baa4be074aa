import type { Condition, Guest } from '@tacet/protocol';

/** What a mark shows. Each has a shape of its own, so that no reader needs its colour. */
export type Tone = 'good' | 'watch' | 'bad' | 'unknown' | 'busy';

export interface Said {
  readonly tone: Tone;
  readonly words: string;
}

export function readyOf({ conditions }: Guest): Condition | undefined {
  return conditions.find(({ type }) => type === 'Ready');
}

export function readiness(guest: Guest): Said {
  if (guest.identity === 'quarantined') return { tone: 'bad', words: 'quarantined' };
  if (!guest.connected) return { tone: 'unknown', words: 'agent away' };
  return conditionSaid(readyOf(guest)?.status ?? 'Unknown', { yes: 'ready', no: 'not ready' });
}

export function conditionSaid(
  status: Condition['status'],
  { yes, no }: { yes: string; no: string } = { yes: 'yes', no: 'no' },
): Said {
  if (status === 'True') return { tone: 'good', words: yes };
  return status === 'False' ? { tone: 'bad', words: no } : { tone: 'unknown', words: 'unknown' };
}

/** What a guest goes by, beside its VMID. */
export function nameOf({ incarnation }: Guest): string {
  return incarnation?.hostname ?? '';
}

/** Two copies may show one VMID: only the enrolled one is found by it. */
export function guestPath({ id, vmid, identity }: Guest): string {
  return identity === 'enrolled' && vmid !== null ? `/guests/${vmid}` : `/copies/${encodeURIComponent(id)}`;
}

/** Known from the last backup only: an agent cannot see where it runs. */
export function nodeOf({ lastBackup }: Guest): string | null {
  return lastBackup?.node ?? null;
}
