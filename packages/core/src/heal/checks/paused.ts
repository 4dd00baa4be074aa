import type { HealCheck } from '../situation.ts';

export const paused: HealCheck = ({ container }) =>
  container?.state === 'paused'
    ? { kind: 'step', action: { kind: 'unpause' }, because: 'it was running, and is paused' }
    : undefined;
