import { ForbiddenError, MissingError, UnauthorizedError } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check } from '../check.ts';
import { line } from '../node-commands.ts';

export const backupStorage: Check = {
  what: 'the storage that backups go to',
  finds: ['storage-missing', 'storage-inactive', 'storage-without-backup-content'],
  storage({ node, storage, status }) {
    if (!status.ok) {
      const { error } = status;
      if (!(error instanceof MissingError)) {
        const refused = error instanceof ForbiddenError || error instanceof UnauthorizedError;
        return { notKnown: refused ? 'no token may look at it' : describeError(error) };
      }
      return [
        {
          id: 'storage-missing',
          severity: 'error',
          message: `Node ${node} has no storage ${storage}: no backup can go there.`,
          evidence: [describeError(error)],
          remedy: "Name another one as the node's `storage` in the controller's configuration, or make it.",
          commands: ['pvesm status --content backup'],
        },
      ];
    }
    const { content, enabled, active } = status.value;
    if (!content.includes('backup')) {
      return [
        {
          id: 'storage-without-backup-content',
          severity: 'error',
          message: `Storage ${storage} does not take backups: its content lacks \`backup\`.`,
          evidence: [`content ${content.join(',')}`],
          remedy:
            'Allow backups there, if it is of a kind that holds files; LVM-thin and ZFS hold disks only.',
          commands: [
            line('pvesm', 'set', storage, '--content', [...content, 'backup'].toSorted().join(',')),
            'pvesm status --content backup',
          ],
        },
      ];
    }
    if (enabled && active) return [];
    return [
      {
        id: 'storage-inactive',
        severity: 'error',
        message: `Storage ${storage} cannot be used on node ${node} now: it is ${enabled ? 'not active, as when it is not mounted or its server is away' : 'disabled'}.`,
        evidence: [`enabled ${Number(enabled)}, active ${Number(active)}`],
        remedy: enabled ? 'See what the node says of it.' : 'Enable it, if nobody disabled it on purpose.',
        commands: enabled
          ? [line('pvesm', 'status', '--storage', storage)]
          : [line('pvesm', 'set', storage, '--disable', '0')],
      },
    ];
  },
};
