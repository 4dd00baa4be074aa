import { isBlackedOut } from './blackout.ts';
import type { CompiledSchedule } from './compile-schedule.ts';

/** Where a backup is made, and where it goes. */
export interface Placement {
  readonly vmid: number;
  readonly node: string;
  readonly storage: string;
  /** Storages of the same name on two nodes are two, unless it is shared. */
  readonly storageIsShared: boolean;
}

export interface QueuedRun extends Placement {
  readonly schedule: string;
  readonly dueAt: number;
  /** `request`: somebody asked for it now, whatever the schedule says of times. */
  readonly cause?: 'event' | 'request';
}

/** Any backup that runs; without a schedule when somebody else has asked for it. */
export interface RunningBackup extends Placement {
  readonly schedule?: string | undefined;
}

export type WaitingBecause =
  | 'schedule-gone'
  | 'schedule-disabled'
  | 'blackout'
  | 'guest-busy'
  | 'node-limit'
  | 'storage-limit';

export interface Starts<Run> {
  /** To be started now, all of them. */
  readonly start: Run[];
  /** `schedule-gone` and `schedule-disabled` end only when somebody acts: take those runs out of the queue. */
  readonly waiting: { readonly run: Run; readonly because: WaitingBecause }[];
}

/**
 * Which queued runs may begin, those that are due the longest first. One that waits for a node or a storage holds
 * up those behind it that want the same, and no others. Limits count every backup that runs, and the smallest
 * counts of all schedules that are involved: a run may neither exceed its own limit nor that of another there.
 */
export function nextToStart<Run extends QueuedRun>(
  queue: readonly Run[],
  running: readonly RunningBackup[],
  schedules: readonly CompiledSchedule[],
  now: number,
): Starts<Run> {
  const byName = new Map(schedules.map((compiled) => [compiled.schedule.name, compiled]));
  const { start, waiting }: Starts<Run> = { start: [], waiting: [] };
  for (const run of queue.toSorted((a, b) => a.dueAt - b.dueAt || a.vmid - b.vmid)) {
    const because = whyWaiting(run, { busy: [...running, ...start], waiting }, byName, now);
    if (because) waiting.push({ run, because });
    else start.push(run);
  }
  return { start, waiting };
}

interface Ahead {
  readonly busy: readonly RunningBackup[];
  readonly waiting: Starts<QueuedRun>['waiting'];
}

function whyWaiting(
  run: QueuedRun,
  { busy, waiting }: Ahead,
  schedules: ReadonlyMap<string, CompiledSchedule>,
  now: number,
): WaitingBecause | undefined {
  const own = schedules.get(run.schedule);
  if (!own) return 'schedule-gone';
  if (run.cause !== 'request') {
    if (!own.schedule.enabled) return 'schedule-disabled';
    if (isBlackedOut(own.blackouts, now)) return 'blackout';
  }
  if (busy.some(({ vmid }) => vmid === run.vmid)) return 'guest-busy';

  const mustWait = (
    because: 'node-limit' | 'storage-limit',
    limit: 'perNode' | 'perStorage',
    isThere: (other: Placement) => boolean,
  ) => {
    // Without this, runs that may share a node could keep one out for ever that may not.
    if (waiting.some((ahead) => ahead.because === because && isThere(ahead.run))) return true;
    const there = busy.filter(isThere);
    const limits = [run, ...there].map(
      ({ schedule }) => schedules.get(schedule ?? '')?.schedule.concurrency[limit] ?? Infinity,
    );
    return there.length >= Math.min(...limits);
  };
  if (mustWait('node-limit', 'perNode', ({ node }) => node === run.node)) return 'node-limit';
  if (mustWait('storage-limit', 'perStorage', (other) => isSameStorage(other, run))) return 'storage-limit';
  return undefined;
}

function isSameStorage(one: Placement, other: Placement): boolean {
  return (
    one.storage === other.storage &&
    (one.node === other.node || (one.storageIsShared && other.storageIsShared))
  );
}
