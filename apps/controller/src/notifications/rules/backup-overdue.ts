import { type CompiledSchedule, isBlackedOut, lastEvent } from '@tacet/core';
import type { Incident } from '../../store/notification-news.ts';
import { momentOf, type Notice, spanOf } from '../notice.ts';
import { type News, nothing } from './news.ts';

const kind = 'backup-overdue';
/** How finely it is looked how long a blackout kept a run waiting. */
const STEP_MS = 5 * 60_000;
const MAX_STEPS = 2_000;

/** A schedule of backups that selects the guest. */
export interface Covering {
  readonly compiled: CompiledSchedule;
  /** Nothing before that was its turn. */
  readonly changedAt: number;
}

export interface Age {
  readonly vmid: number;
  /** When its newest backup was finished. */
  readonly newestAt: number | undefined;
  readonly knownSince: number;
  readonly covering: readonly Covering[];
  /** An operation on it is under way: nobody knows yet. */
  readonly isBusy: boolean;
}

export interface Limits {
  readonly overdueAfterMs: number;
  readonly overdueGraceMs: number;
}

/** A guest whose backup is late, or is there again. */
export function backupOverdue(age: Age, incident: Incident | undefined, now: number, limits: Limits): News {
  const { vmid, newestAt, isBusy } = age;
  const why = whyOverdue(age, now, limits);
  const about = { as: 'notice', kind, at: now, vmids: [vmid], path: `/guests/${vmid}` } as const;
  const last = newestAt === undefined ? 'It has none at all.' : `The newest is of ${momentOf(newestAt)}.`;
  if (why === undefined) {
    if (incident === undefined) return nothing;
    const over: Notice = {
      ...about,
      resolved: true,
      title: `Guest ${vmid}: its backup is not overdue any more`,
      what: `Guest ${vmid} has a backup that is new enough. ${last}`,
      next: 'nothing.',
    };
    return { closed: [{ kind, vmid }], notices: [over] };
  }
  if (incident !== undefined || isBusy) return nothing;
  return {
    opened: [{ kind, vmid, since: now, told: true }],
    notices: [
      {
        ...about,
        resolved: false,
        title: `Guest ${vmid}: its backup is overdue`,
        what: `Guest ${vmid} should have a newer backup: ${why.words} ${last}`,
        next: `${
          why.schedule === undefined
            ? 'tacet schedule list shows what backs up whom.'
            : `tacet schedule show ${why.schedule} says what became of its run.`
        } tacet doctor ${vmid} looks for what is in the way; tacet backup ${vmid} makes one now.`,
      },
    ],
  };
}

function whyOverdue(
  { newestAt, knownSince, covering }: Age,
  now: number,
  { overdueAfterMs, overdueGraceMs }: Limits,
): { readonly words: string; readonly schedule?: string } | undefined {
  for (const { compiled, changedAt } of covering) {
    const { schedule, event, zone, blackouts } = compiled;
    const from = Math.max(newestAt ?? 0, changedAt, knownSince);
    const until = now - overdueGraceMs - schedule.when.jitterMs;
    const turn = from < until ? lastEvent(event, from, until, zone) : undefined;
    if (turn === undefined || openFor(blackouts, turn, now) < overdueGraceMs) continue;
    const words = `its turn in the schedule ${schedule.name} was on ${momentOf(turn)}, and nothing was backed up since.`;
    return { words, schedule: schedule.name };
  }
  if (covering.length > 0) return undefined;
  const since = newestAt ?? knownSince;
  if (now - since <= overdueAfterMs) return undefined;
  return { words: `no schedule selects it, and for ${spanOf(now - since)} nobody has backed it up.` };
}

/** For how long a run that became due could have begun. */
function openFor(blackouts: CompiledSchedule['blackouts'], turn: number, now: number): number {
  if (blackouts.length === 0) return now - turn;
  let openMs = 0;
  for (let step = 0, at = turn; at < now && step < MAX_STEPS; step += 1, at += STEP_MS) {
    if (!isBlackedOut(blackouts, at)) openMs += STEP_MS;
  }
  return openMs;
}
