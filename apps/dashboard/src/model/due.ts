import type { Guest, GuestSchedule } from '@tacet/protocol';
import { ageOf, agoOf, dateTimeOf } from './numbers.ts';

/** Whether a guest's newest backup is as new as its schedules want it to be. */
export interface Due {
  readonly isOverdue: boolean;
  /** For a row: `overdue for 3 h: the storage is full`. Null where it is not. */
  readonly words: string | null;
  /** Why, in a sentence. */
  readonly why: string | null;
}

/** Where no schedule says how old a backup may be: a nightly one that is two hours late is late. */
export const overdueAfterMs = 26 * 3_600_000;
/** A run may wait for others on its node. */
const waitsAtMostMs = 2 * 3_600_000;

const inTime: Due = { isOverdue: false, words: null, why: null };

/** A weekly schedule makes no guest overdue for six days; a turn that came to nothing does so at once. */
export function dueOf({ lastBackup, schedules }: Pick<Guest, 'lastBackup' | 'schedules'>, now: number): Due {
  const enabled = schedules?.filter((one) => one.enabled) ?? [];
  const missed = enabled
    .flatMap((schedule) => missedTurn(schedule, lastBackup?.finishedAt ?? 0, now) ?? [])
    .toSorted((a, b) => a.dueAt - b.dueAt);
  const [worst] = missed;
  if (worst !== undefined) {
    const { name, dueAt, because } = worst;
    return {
      isOverdue: true,
      words: `backup overdue for ${ageOf(dueAt, now).replace('just now', 'a moment')}: ${because}`,
      why: `The schedule ${name} was due on ${dateTimeOf(dueAt)}: ${because}.`,
    };
  }
  if (enabled.length > 0 || lastBackup === null || now - lastBackup.finishedAt <= overdueAfterMs)
    return inTime;
  const [disabled] = schedules ?? [];
  return {
    isOverdue: true,
    words: `last backup ${ageOf(lastBackup.finishedAt, now)} old`,
    why:
      schedules === undefined
        ? null
        : disabled === undefined
          ? 'No schedule backs it up.'
          : `Its schedule ${disabled.name} is disabled.`,
  };
}

interface MissedTurn {
  readonly name: string;
  readonly dueAt: number;
  readonly because: string;
}

function missedTurn(
  { name, lastRun }: GuestSchedule,
  backedUpAt: number,
  now: number,
): MissedTurn | undefined {
  if (lastRun === null || lastRun.dueAt <= backedUpAt) return undefined;
  const { dueAt, state, message } = lastRun;
  switch (state) {
    case 'failed':
    case 'missed':
      return { name, dueAt, because: message ?? state };
    case 'queued':
      return now - dueAt > waitsAtMostMs ? { name, dueAt, because: message ?? 'it still waits' } : undefined;
    case 'started':
    case 'succeeded':
      return undefined;
  }
}

/** What its schedules are, in a line each: `nightly: next on 2026-11-23 02:30, last turn 9 h ago: succeeded`. */
export function scheduleLines({ schedules }: Pick<Guest, 'schedules'>, now: number): string[] {
  return (schedules ?? []).map(({ name, enabled, nextAt, lastRun }) => {
    const next = nextAt === null ? (enabled ? 'comes no more' : 'disabled') : `next on ${dateTimeOf(nextAt)}`;
    const last = lastRun === null ? '' : `, last turn ${agoOf(lastRun.dueAt, now)}: ${lastRun.state}`;
    return `${name}: ${next}${last}`;
  });
}
