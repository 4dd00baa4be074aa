import type { Backup, Guest } from '@tacet/protocol';

const copiesFrom = 100;

/** A VMID that no known guest bears, a hundred further on: `201` for a copy of 101. */
export function freeVmid(original: number, guests: readonly Guest[]): number {
  const taken = new Set(guests.map(({ vmid }) => vmid));
  let candidate = original + copiesFrom;
  while (taken.has(candidate)) candidate += 1;
  return candidate;
}

/** @returns why it cannot be one, in words; null for a VMID. */
export function vmidProblem(text: string): string | null {
  if (!/^\d+$/.test(text)) return 'A VMID is a number.';
  const value = Number(text);
  return value >= 100 && value <= 999_999_999 ? null : 'VMIDs go from 100 to 999999999.';
}

/** Newest first: the first that somebody asked for. What a restore made of what it replaced has to be chosen. */
export function suggestedBackup(backups: readonly Backup[]): Backup | undefined {
  return backups.find(({ origin }) => origin !== 'restore');
}

export function originWords(origin: Backup['origin']): string {
  switch (origin) {
    case 'controller':
      return 'asked for here';
    case 'hook':
      return 'asked for by a job of Proxmox VE';
    case 'restore':
      return 'made for safety before a restore';
  }
}
