import { type HealCheck, ran, wasStoppedOnPurpose } from '../situation.ts';

/** A policy like `on-failure` or `always` can start what was stopped on purpose. */
export const stoppedOnPurpose: HealCheck = ({ service, container, policy }) => {
  if (ran(service)) return undefined;
  if (!container || !ran(container) || !wasStoppedOnPurpose(service)) return { kind: 'settled' };
  const when = policy.restore ? 'when the backup was made' : 'before';
  const because = `it was ${service.state} on purpose ${when}`;
  return { kind: 'step', action: { kind: 'stop' }, because };
};
