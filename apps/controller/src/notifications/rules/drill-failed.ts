import type { Operation } from '@tacet/protocol';
import { momentOf, plain } from '../notice.ts';
import type { News } from './news.ts';

/** A backup did not prove itself, or its drill could not be made. */
export function drillFailed({ id, vmid, startedAt, error }: Operation, at: number): News {
  const why = plain(error?.message ?? 'nobody knows how it ended');
  const hint = error?.hint === undefined ? '' : `${plain(error.hint)} `;
  return {
    notices: [
      {
        as: 'notice',
        kind: 'drill-failed',
        resolved: false,
        at,
        vmids: [vmid],
        title: `Guest ${vmid}: a drill of its backup failed`,
        what: `The drill of ${momentOf(startedAt)} did not prove that the backup of guest ${vmid} can be restored: ${why}`,
        next: `${hint}tacet operation ${id} shows where it stopped; tacet drill ${vmid} tries again.`,
        path: `/operations/${id}`,
      },
    ],
  };
}
