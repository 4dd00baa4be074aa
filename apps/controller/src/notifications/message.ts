import type { NotificationKind, NotificationMessage } from '@tacet/protocol';
import { type Notice, momentOf } from './notice.ts';

/** Said in full; of what is beyond only the number. */
const MAX_SAID = 20;

const several: Record<NotificationKind, string> = {
  'verdict-below-policy': 'backups are worth less than they should be',
  'backup-overdue': 'guests have no backup that is new enough',
  'guest-not-ready': 'guests are not ready',
  'copy-quarantined': 'copies that nobody ordered are quarantined',
  'drill-failed': 'drills failed',
  'hold-expired': 'holds expired',
  'operation-failed': 'operations failed',
};

interface Frame {
  readonly id: string;
  readonly at: number;
  /** Where the dashboard is, as `https://name`. */
  readonly origin: string;
}

/** One message of things of one kind. */
export function messageOf(
  notices: readonly [Notice, ...Notice[]],
  { id, at, origin }: Frame,
): NotificationMessage {
  const [{ kind, resolved, title }] = notices;
  const parts = notices.map(({ at: when, vmids, title: name, what, next, path }) => ({
    at: when,
    vmids: [...vmids],
    title: name,
    what,
    next,
    link: `${origin}${path}`,
  }));
  const words = parts.slice(0, MAX_SAID).map((part) => wordsOf(part, notices.length > 1));
  const left = parts.length - MAX_SAID;
  if (left > 0) words.push(`And ${left} more: ${origin}/events`);
  return {
    version: 1,
    id,
    kind,
    resolved,
    at,
    title: notices.length === 1 ? title : `${notices.length} ${several[kind]}${resolved ? ': over' : ''}`,
    text: words.join('\n\n'),
    notices: parts,
  };
}

function wordsOf(
  { at, title, what, next, link }: NotificationMessage['notices'][number],
  isOneOfMany: boolean,
): string {
  const lines = [what, `What to do next: ${next}`, link, `(${momentOf(at)})`];
  return (isOneOfMany ? [title, ...lines] : lines).join('\n');
}

/** What a test says. */
export function testMessage(channel: string, { id, at, origin }: Frame): NotificationMessage {
  return {
    version: 1,
    id,
    kind: 'test',
    resolved: false,
    at,
    title: 'Tacet: a test',
    text: [
      `This is a test of the channel "${channel}". Whoever reads it will be told when something is wrong.`,
      'What to do next: nothing.',
      `${origin}/notifications`,
    ].join('\n'),
    notices: [],
  };
}
