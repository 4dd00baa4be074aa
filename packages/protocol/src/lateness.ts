/** `late`: a page says so, to whoever looks anyway. `overdue`: a message is worth it, and the page asks somebody to act. */
export type Lateness = 'late' | 'overdue';

export interface LatenessSpans {
  /** How long a run may wait after its turn. */
  readonly turnMs: number;
  /** How old the newest backup may be of a guest that no schedule backs up. */
  readonly ageMs: number;
}

const hourMs = 3_600_000;

/**
 * A nightly backup that is two hours late is late: nobody need get up, and who looks should know. A queue on a busy node
 * often works itself off within four hours. 36 hours are a night and a half: backups that somebody else makes each
 * night, however long they take, come within them, and one that did not come is told on the same day.
 */
export const latenessSpans: Readonly<Record<Lateness, LatenessSpans>> = {
  late: { turnMs: 2 * hourMs, ageMs: 26 * hourMs },
  overdue: { turnMs: 4 * hourMs, ageMs: 36 * hourMs },
};

/** A turn in a schedule of backups. */
export interface BackupTurn {
  readonly dueAt: number;
  /** For how long its run could have begun and has not; 0 for one that has. */
  readonly waitedMs: number;
  /** It failed or was missed, as far as that is known: there is nothing left to wait for. */
  readonly cameToNothing: boolean;
}

export interface BackupAge<Turn extends BackupTurn> {
  /** Undefined: its age is nothing to go by. */
  readonly newestAt: number | undefined;
  /** Whether an enabled schedule backs it up: then its turns decide, however old the newest backup is. */
  readonly isScheduled: boolean;
  readonly turns: readonly Turn[];
}

/**
 * Whether a guest's newest backup is as new as it should be; undefined where it is.
 *
 * @param overdue where the configuration says otherwise
 * @returns the worst, with the turn that says so; without one where the age does
 */
export function latenessOf<Turn extends BackupTurn>(
  { newestAt, isScheduled, turns }: BackupAge<Turn>,
  now: number,
  overdue: LatenessSpans = latenessSpans.overdue,
): { readonly lateness: Lateness; readonly turn?: Turn } | undefined {
  const { late } = latenessSpans;
  const unmet = turns
    .filter(({ dueAt }) => newestAt === undefined || dueAt > newestAt)
    .toSorted((a, b) => a.dueAt - b.dueAt);
  const lost = unmet.find((turn) => turn.cameToNothing || turn.waitedMs > overdue.turnMs);
  if (lost !== undefined) return { lateness: 'overdue', turn: lost };
  const slow = unmet.find(({ waitedMs }) => waitedMs > late.turnMs);
  if (slow !== undefined) return { lateness: 'late', turn: slow };
  if (isScheduled || newestAt === undefined) return undefined;
  if (now - newestAt > overdue.ageMs) return { lateness: 'overdue' };
  return now - newestAt > late.ageMs ? { lateness: 'late' } : undefined;
}
