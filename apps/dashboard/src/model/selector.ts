import type { GuestSelector } from '@tacet/protocol';

/** `guests 101, 102; tag prod; not 105` */
export function selectorWords({ include, exclude }: GuestSelector): string {
  const parts = include.all === true ? ['every guest'] : matchWords(include);
  const left = exclude === undefined ? [] : matchWords(exclude);
  return [parts.join(' or '), ...(left.length === 0 ? [] : [`but not ${left.join(' or ')}`])].join(', ');
}

function matchWords({ vmids, tags, pools, names }: Omit<GuestSelector['include'], 'all'>): string[] {
  return [...words('guest', vmids), ...words('tag', tags), ...words('pool', pools), ...words('name', names)];
}

function words(what: string, list: readonly (string | number)[] = []): string[] {
  return list.length === 0 ? [] : [`${what} ${list.join(', ')}`];
}

/** VMIDs as a person types them: by commas or blanks. @returns null where something else is among them */
export function vmidsOf(text: string): number[] | null {
  const parts = text.split(/[\s,]+/).filter(Boolean);
  return parts.every((part) => /^\d{3,9}$/.test(part)) ? parts.map(Number) : null;
}
