import type { Guest } from '@tacet/protocol';
import { dueOf } from './due.ts';
import { ageOf } from './numbers.ts';
import { readyOf } from './state.ts';
import { consistencySaid } from './verdict.ts';

/** `act`: somebody should get up. `watch`: somebody should look, in daylight. */
export type Level = 'act' | 'watch' | 'fine';

export interface Concern {
  readonly level: 'act' | 'watch';
  readonly words: string;
  /** The whole story, where there is more of it. */
  readonly detail: string | null;
}

/** What an operator should know of a guest, the most urgent first. */
export function concernsOf(guest: Guest, now: number): Concern[] {
  if (guest.identity === 'quarantined') {
    return [
      act(
        'a copy that nobody ordered',
        `It shows the credential of ${guest.copyOf === undefined ? 'another guest' : `guest ${guest.copyOf}`}. It is never asked for anything. Adopt it as a guest of its own, or dismiss it.`,
      ),
    ];
  }
  const concerns = [
    ...readinessConcerns(guest, now),
    ...doctorConcerns(guest),
    ...backupConcerns(guest, now),
  ];
  return concerns.toSorted((a, b) => rank[a.level] - rank[b.level]);
}

function readinessConcerns(guest: Guest, now: number): Concern[] {
  if (!guest.connected) {
    const since = guest.lastSeenAt === null ? '' : ` for ${ageOf(guest.lastSeenAt, now)}`;
    return [
      act(
        `agent away${since.replace(' for just now', '')}`,
        'Nobody knows how this guest is, and nothing in it can be held.',
      ),
    ];
  }
  const ready = readyOf(guest);
  if (ready?.status === 'False') return [act('not ready', ready.message)];
  if (ready?.status === 'True') return [];
  return [watch('readiness unknown', ready?.message ?? 'The agent has not said yet.')];
}

function doctorConcerns({ backupReady }: Guest): Concern[] {
  return backupReady?.status === 'False' ? [act('next backup would fail', backupReady.message)] : [];
}

function backupConcerns(guest: Guest, now: number): Concern[] {
  const { lastBackup } = guest;
  const { lateness, words, why } = dueOf(guest, now);
  const level = lateness === 'overdue' ? act : watch;
  const concerns = words === null ? [] : [level(words, why)];
  if (lastBackup === null) {
    return [...concerns, watch('never backed up', 'This controller knows no backup of it.')];
  }
  const { consistency, message } = lastBackup.verdict;
  if (consistency !== 'app')
    concerns.push(watch(`last backup ${consistencySaid(consistency).words}`, message));
  return concerns;
}

const rank: Record<Level, number> = { act: 0, watch: 1, fine: 2 };

export function levelOf(concerns: readonly Concern[]): Level {
  return concerns[0]?.level ?? 'fine';
}

export function compareLevels(a: Level, b: Level): number {
  return rank[a] - rank[b];
}

function act(words: string, detail: string | null): Concern {
  return { level: 'act', words, detail };
}

function watch(words: string, detail: string | null): Concern {
  return { level: 'watch', words, detail };
}
