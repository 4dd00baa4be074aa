import type { HealCheck } from '../situation.ts';

/** Docker 26's words, of its own book-keeping and of the kernel's. */
const words = /port is already allocated|address already in use/;

/** Whoever has the port may be a container that heal is about to stop: it is tried again, ever more slowly. */
export const portConflict: HealCheck = ({ container, awaited }) => {
  if (!container || awaited || !words.test(container.error)) return undefined;
  if (container.state !== 'exited' && container.state !== 'created') return undefined;
  const because = `a port that it needs was taken: ${container.error}`;
  return { kind: 'step', action: { kind: 'start' }, because };
};
