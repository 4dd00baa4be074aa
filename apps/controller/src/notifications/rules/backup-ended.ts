import type { Backup, NotificationKind, Operation } from '@tacet/protocol';
import { momentOf, type Notice, plain } from '../notice.ts';
import type { Facts, News } from './news.ts';

const ends = ['verdict-below-policy', 'operation-failed'] as const satisfies NotificationKind[];

/** A backup that failed, is worth less than it should be, or is good after one that was not. */
export async function backupEnded(operation: Operation, at: number, facts: Facts): Promise<News> {
  const { vmid, backup, error } = operation;
  const path = `/operations/${operation.id}`;
  const about = { as: 'notice', at, vmids: [vmid], path } as const;
  if (operation.state === 'failed' || backup === null) {
    const why = plain(error?.message ?? 'nobody knows how it ended');
    const notice: Notice = {
      ...about,
      kind: 'operation-failed',
      resolved: false,
      title: `Guest ${vmid}: its backup failed`,
      what: `The backup of guest ${vmid} of ${momentOf(operation.startedAt)} failed: ${why}`,
      next: `${hinted(error?.hint)}tacet doctor ${vmid} looks for the reason; tacet backup ${vmid} tries again.`,
    };
    return bad(vmid, notice);
  }
  const wanted = await facts.wantedOf(operation.id);
  if (!suffices(backup, wanted)) return bad(vmid, belowPolicy(backup, wanted, about));
  const text = `Guest ${vmid}: backed up, verdict ${backup.verdict.consistency}`;
  const over = ends.filter((kind) => facts.isOpen(kind, vmid));
  return {
    closed: over.map((kind) => ({ kind, vmid })),
    notices: over.map((kind) => ({
      ...about,
      kind,
      resolved: true,
      title: `Guest ${vmid}: its backup is good again`,
      what: `Guest ${vmid} was backed up, and the verdict is ${backup.verdict.consistency}.`,
      next: 'nothing.',
    })),
    result: { vmid, good: true, text },
  };
}

function bad(vmid: number, notice: Notice): News {
  return {
    notices: [notice],
    opened: [{ kind: notice.kind, vmid, since: notice.at, told: true }],
    closed: ends.filter((kind) => kind !== notice.kind).map((kind) => ({ kind, vmid })),
    result: { vmid, good: false, text: `${notice.title}\n${notice.what}\nWhat to do next: ${notice.next}` },
  };
}

function suffices({ verdict: { consistency } }: Backup, wanted: 'app' | 'crash'): boolean {
  return consistency === 'app' || consistency === wanted;
}

function belowPolicy(
  { vmid, verdict, finishedAt }: Backup,
  wanted: 'app' | 'crash',
  about: Pick<Notice, 'as' | 'at' | 'vmids' | 'path'>,
): Notice {
  const { consistency, message } = verdict;
  const worth =
    consistency === 'crash'
      ? 'a restore starts as after a power cut'
      : 'nobody saw what it is worth; treat it as one of a power cut';
  return {
    ...about,
    kind: 'verdict-below-policy',
    resolved: false,
    title: `Guest ${vmid}: its backup is ${consistency}, not ${wanted}`,
    what: `There is a backup of guest ${vmid} of ${momentOf(finishedAt)}, but ${worth}: ${plain(message)}`,
    next: `tacet doctor ${vmid} says what to change; then tacet backup ${vmid} makes another one.`,
  };
}

function hinted(hint: string | undefined): string {
  return hint === undefined ? '' : `${plain(hint)} `;
}
