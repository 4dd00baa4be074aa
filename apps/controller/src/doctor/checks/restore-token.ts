import type { Check } from '../check.ts';

export const restoreToken: Check = {
  what: 'whether this controller may restore',
  finds: ['restore-token-missing'],
  node({ name, restore }) {
    if (restore !== undefined) return [];
    return [
      {
        id: 'restore-token-missing',
        severity: 'notice',
        message: `No token that may restore is configured for node ${name}: backups are made, and restoring them is left to somebody else.`,
        remedy:
          'If this controller shall restore: tacet pve provision … --restore --target VMIDS, and add `restoreToken` to the node in its configuration.',
      },
    ];
  },
};
