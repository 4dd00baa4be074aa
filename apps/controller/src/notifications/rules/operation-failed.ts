import type { Operation } from '@tacet/protocol';
import { momentOf, plain } from '../notice.ts';
import type { News } from './news.ts';

/** A restore, a snapshot or a rollback that failed. What it left is in the words of its error. */
export function operationFailed({ id, kind, vmid, startedAt, error }: Operation, at: number): News {
  const why = plain(error?.message ?? 'nobody knows how it ended');
  const hint = error?.hint === undefined ? '' : `${plain(error.hint)} `;
  return {
    notices: [
      {
        as: 'notice',
        kind: 'operation-failed',
        resolved: false,
        at,
        vmids: [vmid],
        title: `Guest ${vmid}: its ${kind} failed`,
        what: `The ${kind} of guest ${vmid} of ${momentOf(startedAt)} failed: ${why}`,
        next: `${hint}tacet operation ${id} shows how far it came, and tacet status ${vmid} how the guest is.`,
        path: `/operations/${id}`,
      },
    ],
  };
}
