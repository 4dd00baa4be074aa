import type { StoredEvent } from '@tacet/protocol';
import { plain } from '../notice.ts';
import type { Facts, News } from './news.ts';

/** A copy that nobody ordered shows the credential of a guest. */
export async function copyQuarantined(event: StoredEvent, facts: Facts): Promise<News> {
  const { at, guestId, vmid, message, data } = event;
  const originId = data['originGuestId'];
  const origin = typeof originId === 'string' ? await facts.guest(originId) : undefined;
  const vmids = [vmid, origin?.vmid ?? null].filter((one) => one !== null);
  const name = vmid === null ? 'A copy' : `Guest ${vmid}, a copy`;
  const of = origin?.vmid == null ? 'a guest' : `guest ${origin.vmid}`;
  return {
    notices: [
      {
        as: 'notice',
        kind: 'copy-quarantined',
        resolved: false,
        at,
        vmids: [...new Set(vmids)],
        title: `${name} of ${of}, is quarantined`,
        what: `${name} of ${of} that nobody ordered, has called: ${plain(message)} It cannot speak for the original, and is not backed up.`,
        next: `If you made it: tacet adopt ${guestId ?? 'ID'} makes it a guest of its own. If not, stop it, and tacet dismiss ${guestId ?? 'ID'} turns it away.`,
        path: guestId === null ? '/' : `/copies/${guestId}`,
      },
    ],
  };
}
