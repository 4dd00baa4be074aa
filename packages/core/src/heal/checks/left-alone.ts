import type { HealCheck } from '../situation.ts';

/** The operator's word, by label. */
export const leftAlone: HealCheck = ({ container }) =>
  container?.isLeftAlone ? { kind: 'settled' } : undefined;
