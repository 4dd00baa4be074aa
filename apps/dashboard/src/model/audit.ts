import type { AuditEntry } from '@tacet/protocol';

/** Every word must be found somewhere in the entry. */
export function selectEntries(entries: readonly AuditEntry[], search: string): AuditEntry[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    const { who, what, outcome, code, address, method, path } = entry;
    const text = [who?.name ?? 'nobody known', who?.kind, what, outcome, code, address, method, path];
    return words.every((word) => text.join(' ').toLowerCase().includes(word));
  });
}
