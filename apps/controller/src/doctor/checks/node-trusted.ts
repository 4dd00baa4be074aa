import { TrustError } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check } from '../check.ts';

export const nodeTrusted: Check = {
  what: 'whether the node proves to be the one that is trusted',
  finds: ['node-untrusted'],
  node({ name, url, trust, clock }) {
    if (clock.ok) return [];
    const { error } = clock;
    if (!(error instanceof TrustError)) return { notKnown: 'it does not answer' };
    const { shown } = error;
    const pin =
      shown === undefined ? [] : [`If that is the node's own: "trust": { "fingerprint": "${shown}" }`];
    return [
      {
        id: 'node-untrusted',
        severity: 'error',
        message: `What answers at ${url} does not prove to be node ${name}: nothing is sent to it, so nothing can be backed up or restored.`,
        evidence: [describeError(error), ...pin],
        remedy: `Compare with what the node itself shows, then put that into the controller's configuration as the node's trust (${trust} now). If it differs, somebody else answers there.`,
        commands: ['pvenode cert info'],
      },
    ];
  },
};
