import type { Check } from '../picture.ts';

/** Whether the controller knows this copy as the guest it speaks for. */
export const identityVerified: Check = ({ identity }) => {
  const type = 'IdentityVerified';
  switch (identity.kind) {
    case 'verified':
      return { type, status: 'True', reason: 'KnownToController', message: `this is guest ${identity.vmid}` };
    case 'quarantined':
      return { type, status: 'False', reason: 'Quarantined', message: identity.reason };
    case 'refused':
      return { type, status: 'False', reason: 'Refused', message: identity.message };
    case 'unasked':
      return {
        type,
        status: 'Unknown',
        reason: 'ControllerNotHeard',
        message: 'the controller has not been reached yet',
      };
    case 'alone':
      return {
        type,
        status: 'Unknown',
        reason: 'ControllerAway',
        message: 'no controller has answered: this guest goes on alone',
      };
    case 'not-enrolled':
      return {
        type,
        status: 'Unknown',
        reason: 'NotEnrolled',
        message: 'this guest belongs to no controller: tacet-agent enroll <token>',
      };
  }
};
