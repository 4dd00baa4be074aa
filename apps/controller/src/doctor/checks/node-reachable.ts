import { TrustError } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check } from '../check.ts';

export const nodeReachable: Check = {
  what: 'whether the node answers',
  finds: ['node-unreachable'],
  node({ name, url, clock }) {
    if (clock.ok) return [];
    if (clock.error instanceof TrustError) return 'not-applicable';
    return [
      {
        id: 'node-unreachable',
        severity: 'error',
        message: `Node ${name} does not answer at ${url}.`,
        evidence: [describeError(clock.error)],
        remedy: 'See whether it runs, whether its API does, and whether a firewall is between it and here.',
        commands: ['systemctl status pveproxy pvedaemon'],
      },
    ];
  },
};
