import { type Check, expectedServices, listing, unknownWithoutEngine } from '../picture.ts';

/**
 * After a restore, what runs has a policy that brings it back at the next start. Before one, a service
 * without a policy is the operator's choice: its backups carry the manifest that heals it.
 */
export const restartPoliciesEnforced: Check = (picture) => {
  const type = 'RestartPoliciesEnforced';
  if (picture.engine.kind === 'unreachable') return unknownWithoutEngine(type);
  const without = expectedServices(picture).filter(({ now }) => now?.container.restartPolicy === 'no');
  if (without.length === 0) {
    return {
      type,
      status: 'True',
      reason: 'AllHavePolicies',
      message: 'whatever runs comes back by itself',
    };
  }
  const names = listing(without.map(({ stack, service }) => ({ stack, service, what: 'no restart policy' })));
  if (picture.missingRestartPolicy === 'no') {
    return {
      type,
      status: 'True',
      reason: 'NotWanted',
      message: `left as they are by configuration: ${names}`,
    };
  }
  if (picture.heal.manifest !== undefined)
    return { type, status: 'False', reason: 'Healing', message: names };
  return {
    type,
    status: 'True',
    reason: 'CoveredByHeal',
    message: `heal brings back after a restore: ${names}`,
  };
};
