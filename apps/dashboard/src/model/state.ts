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
export function nameOf({ incarnation, place }: Guest): string {
  return incarnation?.hostname ?? place?.name ?? '';
}

/** Two copies may show one VMID: only the enrolled one is found by it. */
export function guestPath({ id, vmid, identity }: Guest): string {
  return identity === 'enrolled' && vmid !== null ? `/guests/${vmid}` : `/copies/${encodeURIComponent(id)}`;
}

/** As a node has shown it, else from the last backup: an agent cannot see where it runs. */
export function nodeOf({ place, lastBackup }: Guest): string | null {
  return place?.node ?? lastBackup?.node ?? null;
}

export function tagsOf({ place }: Guest): readonly string[] {
  return place?.tags ?? [];
}

export function poolOf({ place }: Guest): string | null {
  return place?.pool ?? null;
}

/** What the doctor says of the next backup. */
export function nextBackupSaid({ backupReady }: Guest): Said {
  switch (backupReady?.status) {
    case 'True':
      return { tone: 'good', words: 'would work' };
    case 'False':
      return { tone: 'bad', words: 'would fail' };
    case 'Unknown':
    case undefined:
      return { tone: 'unknown', words: 'not known' };
  }
}
