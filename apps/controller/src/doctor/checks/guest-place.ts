import { describeError } from '@tacet/runtime';
import type { Check } from '../check.ts';
import { line } from '../node-commands.ts';

export const guestPlace: Check = {
  what: 'whether a node shows the guest',
  finds: ['guest-not-found'],
  guest({ vmid, place, token }) {
    if (!place.ok) return { notKnown: describeError(place.error) };
    if (place.value !== undefined) return [];
    const who = token === undefined ? 'any token' : `token ${token.id}`;
    return [
      {
        id: 'guest-not-found',
        severity: 'error',
        message: `No configured node shows guest ${vmid}: there is none, or ${who} lacks VM.Audit on /vms/${vmid}.`,
        remedy: 'If it is gone, take its token out of the configuration: tacet pve provision … --revoke.',
        commands: [line('pct', 'status', String(vmid))],
      },
    ];
  },
};
