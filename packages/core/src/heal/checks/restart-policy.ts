import { type HealCheck, ran } from '../situation.ts';

/** So that it also comes back the next time. A job that others wait for is to end. */
export const restartPolicy: HealCheck = ({ service, container, policy, isOneShot }) => {
  if (!ran(service) || !container || container.isLeftAlone || isOneShot) return undefined;
  const { restartPolicy: previous, state } = container;
  if (previous !== 'no' || policy.missingRestartPolicy === 'no') return undefined;
  // The engine refuses to change what it is about to remove.
  if (state === 'dead' || state === 'removing') return undefined;
  return {
    kind: 'step',
    action: { kind: 'set-restart-policy', policy: policy.missingRestartPolicy, previous },
    because: 'it ran, and has no restart policy that would start it again',
  };
};
