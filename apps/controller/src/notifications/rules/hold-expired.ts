import type { StoredEvent } from '@tacet/protocol';
import { momentOf } from '../notice.ts';
import { type Facts, type News, nothing } from './news.ts';

/** The lease of a hold ran out: the agent thawed by itself, for nobody else did. */
export async function holdExpired({ at, guestId, vmid }: StoredEvent, facts: Facts): Promise<News> {
  // A copy may carry on with what its original had begun; that concerns nobody.
  const guest = guestId === null ? undefined : await facts.guest(guestId);
  if (vmid === null || guest?.identity === 'quarantined') return nothing;
  return {
    notices: [
      {
        as: 'notice',
        kind: 'hold-expired',
        resolved: false,
        at,
        vmids: [vmid],
        title: `Guest ${vmid}: a hold expired`,
        what: `On ${momentOf(at)} nobody renewed the lease of guest ${vmid}, and its agent thawed it by itself. Its writes went on; what was backed up meanwhile has no proof.`,
        next: `See whether the controller was stopped, or the network between it and the guest: tacet events. Then tacet backup ${vmid}.`,
        path: `/guests/${vmid}`,
      },
    ],
  };
}
