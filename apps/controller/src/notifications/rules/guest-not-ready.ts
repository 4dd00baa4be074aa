import type { Incident } from '../../store/notification-news.ts';
import { momentOf, type Notice, plain, spanOf } from '../notice.ts';
import { type News, nothing } from './news.ts';

const kind = 'guest-not-ready';

export interface Readiness {
  readonly vmid: number;
  readonly isReady: boolean;
  /** Why not, in the words of its condition. */
  readonly message: string;
}

/**
 * A guest that has not been ready for a while, or is again. How long is counted from when this controller first saw it:
 * what a guest's own clock shows is not compared with anything.
 */
export function guestNotReady(
  { vmid, isReady, message }: Readiness,
  incident: Incident | undefined,
  now: number,
  afterMs: number,
): News {
  const about = { as: 'notice', kind, at: now, vmids: [vmid], path: `/guests/${vmid}` } as const;
  if (isReady) {
    if (incident === undefined) return nothing;
    const over: Notice = {
      ...about,
      resolved: true,
      title: `Guest ${vmid} is ready again`,
      what: `Guest ${vmid} is ready; it was not from ${momentOf(incident.since)} on.`,
      next: 'nothing.',
    };
    return { closed: [{ kind, vmid }], notices: incident.told ? [over] : [] };
  }
  if (incident === undefined) return { opened: [{ kind, vmid, since: now, told: false }] };
  const lastedMs = now - incident.since;
  if (incident.told || lastedMs < afterMs) return nothing;
  return {
    opened: [{ ...incident, told: true }],
    notices: [
      {
        ...about,
        resolved: false,
        title: `Guest ${vmid} is not ready`,
        what: `Guest ${vmid} has not been ready for ${spanOf(lastedMs)}: ${plain(message)}`,
        next: `tacet status ${vmid} shows which service, and why; tacet doctor ${vmid} what to change.`,
      },
    ],
  };
}
