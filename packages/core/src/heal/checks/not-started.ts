import type { HealCheck } from '../situation.ts';

/**
 * Exited or only created. Also what the engine believes was stopped by hand, and therefore does not start by
 * itself: a hold by `stop`, another tool's backup.
 */
export const notStarted: HealCheck = ({ container, awaited }) => {
  if (container?.state !== 'exited' && container?.state !== 'created') return undefined;
  if (awaited) return { kind: 'wait', because: awaited.because, on: awaited.service };
  const because = `it was running, and is ${container.state}`;
  return { kind: 'step', action: { kind: 'start' }, because };
};
