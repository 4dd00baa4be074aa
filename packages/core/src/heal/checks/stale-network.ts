import type { HealCheck } from '../situation.ts';

/**
 * The words of Docker 26 for a container whose network was removed and made again (`network 3c1f… not found`),
 * and for one whose end in a network was left behind (`endpoint with name … already exists in network …`).
 */
const words = /network \S+ not found|endpoint with name \S+ already exists in network/;

export const staleNetwork: HealCheck = ({ container, awaited }) => {
  if (!container || awaited || !words.test(container.error)) return undefined;
  if (container.state !== 'exited' && container.state !== 'created') return undefined;
  return { kind: 'step', action: { kind: 'reconnect' }, because: `it could not start: ${container.error}` };
};
