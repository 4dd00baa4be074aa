import { type BackupTurn, type Guest, type GuestSchedule, type Lateness, latenessOf } from '@tacet/protocol';
import { ageOf, agoOf, dateTimeOf } from './numbers.ts';

/** Whether a guest's newest backup is as new as its schedules want it to be. */
export interface Due {
  /** Null where it is. */
  readonly lateness: Lateness | null;
  /** For a row: `backup overdue for 3 h: the storage is full`. Null where it is in time. */
  readonly words: string | null;
  /** Why, in a sentence. */
  readonly why: string | null;
}

const inTime: Due = { lateness: null, words: null, why: null };

export function dueOf({ lastBackup, schedules }: Pick<Guest, 'lastBackup' | 'schedules'>, now: number): Due {
  const enabled = schedules?.filter((one) => one.enabled) ?? [];
  const newestAt = lastBackup?.finishedAt;
  const turns = enabled.flatMap((schedule) => lastTurn(schedule, now) ?? []);
  const found = latenessOf({ newestAt, isScheduled: enabled.length > 0, turns }, now);
  if (found === undefined) return inTime;
  const { lateness, turn } = found;
  if (turn !== undefined) {
    const { name, dueAt, because } = turn;
    return {
      lateness,
      words: `backup ${lateness} for ${ageOf(dueAt, now).replace('just now', 'a moment')}: ${because}`,
      why: `The schedule ${name} was due on ${dateTimeOf(dueAt)}: ${because}.`,
    };
  }
  const [disabled] = schedules ?? [];
  return {
    lateness,
    words: newestAt === undefined ? null : `last backup ${ageOf(newestAt, now)} old`,
    why:
      schedules === undefined
        ? null
        : disabled === undefined
          ? 'No schedule backs it up.'
          : `Its schedule ${disabled.name} is disabled.`,
  };
}

interface Turn extends BackupTurn {
  readonly name: string;
  readonly because: string;
}

function lastTurn({ name, lastRun }: GuestSchedule, now: number): Turn | undefined {
  if (lastRun === null) return undefined;
  const { dueAt, state, message } = lastRun;
  const cameToNothing = state === 'failed' || state === 'missed';
  const waits = state === 'queued';
  return {
    name,
    dueAt,
    waitedMs: waits ? Math.max(0, now - dueAt) : 0,
    cameToNothing,
    because: message ?? (waits ? 'it still waits' : state),
  };
}

/** What its schedules are, in a line each: `nightly: next on 2026-11-23 02:30, last turn 9 h ago: succeeded`. */
export function scheduleLines({ schedules }: Pick<Guest, 'schedules'>, now: number): string[] {
  return (schedules ?? []).map(({ name, enabled, nextAt, lastRun }) => {
    const next = nextAt === null ? (enabled ? 'comes no more' : 'disabled') : `next on ${dateTimeOf(nextAt)}`;
    const last = lastRun === null ? '' : `, last turn ${agoOf(lastRun.dueAt, now)}: ${lastRun.state}`;
    return `${name}: ${next}${last}`;
  });
}
