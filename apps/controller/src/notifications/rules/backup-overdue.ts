import { type CompiledSchedule, isBlackedOut, nextEvent } from '@tacet/core';
import { type BackupTurn, latenessOf } from '@tacet/protocol';
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
  age: Age,
  now: number,
  { overdueAfterMs: ageMs, overdueGraceMs: turnMs }: Limits,
): { readonly words: string; readonly schedule?: string } | undefined {
  const { newestAt, knownSince, covering } = age;
  const since = newestAt ?? knownSince;
  const turns = covering.flatMap((one) => turnOf(one, Math.max(since, knownSince), now, turnMs) ?? []);
  const isScheduled = covering.length > 0;
  const found = latenessOf({ newestAt: since, isScheduled, turns }, now, { ageMs, turnMs });
  if (found?.lateness !== 'overdue') return undefined;
  if (found.turn === undefined) {
    return { words: `no schedule selects it, and for ${spanOf(now - since)} nobody has backed it up.` };
  }
  const { schedule, eventAt } = found.turn;
  const words = `its turn in the schedule ${schedule} was on ${momentOf(eventAt)}, and nothing was backed up since.`;
  return { words, schedule };
}

interface Turn extends BackupTurn {
  readonly schedule: string;
  /** Without its jitter. */
  readonly eventAt: number;
}

/** The first turn after the newest backup. What came of its run is not asked: a run that failed is told of as such. */
function turnOf(
  { compiled, changedAt }: Covering,
  since: number,
  now: number,
  enoughMs: number,
): Turn | undefined {
  const { schedule, event, zone, blackouts } = compiled;
  const eventAt = nextEvent(event, Math.max(since, changedAt), zone);
  if (eventAt === undefined) return undefined;
  const dueAt = eventAt + schedule.when.jitterMs;
  const waitedMs = openFor(blackouts, dueAt, now, enoughMs);
  return { schedule: schedule.name, eventAt, dueAt, waitedMs, cameToNothing: false };
}

/** For how long a run that became due could have begun; not counted further than to what is more than enough. */
function openFor(
  blackouts: CompiledSchedule['blackouts'],
  dueAt: number,
  now: number,
  enoughMs: number,
): number {
  if (blackouts.length === 0) return Math.max(0, now - dueAt);
  let openMs = 0;
  // From now backwards: what was long ago is of no use where a blackout takes weeks.
  for (let step = 1; step < MAX_STEPS && openMs <= enoughMs; step += 1) {
    const at = now - step * STEP_MS;
    if (at < dueAt) break;
    if (!isBlackedOut(blackouts, at)) openMs += STEP_MS;
  }
  return openMs;
}
