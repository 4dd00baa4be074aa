import type { ScheduleAction } from '@tacet/protocol';
import { lastEvent, nextEvent } from '../calendar/next-event.ts';
import type { CompiledSchedule } from './compile-schedule.ts';
import { jitterOf } from './jitter.ts';
import { type DrillRecord, nextDrills } from './next-drills.ts';
import { type SelectableGuest, selectGuests } from './select-guests.ts';

export interface ScheduleState {
  /**
   * By the name of the schedule: everything that was due up to then is decided. To be stored in one transaction
   * with the runs that were decided. A schedule that is not in it is new, and begins now.
   */
  readonly decidedUntil: ReadonlyMap<string, number>;
  /** Runs that wait for their start. */
  readonly queued: readonly { readonly schedule: string; readonly vmid: number }[];
  /**
   * All of them, those of a node that does not answer as they were last seen: who is missing here has no run.
   */
  readonly guests: readonly SelectableGuest[];
  /** By the name of the schedule and VMID, of those that drill; nothing is known of who is missing. */
  readonly drillRecords?: ReadonlyMap<string, ReadonlyMap<number, DrillRecord>>;
}

export interface DueRun {
  readonly schedule: string;
  readonly action: ScheduleAction;
  readonly vmid: number;
  /** The event, and when this guest's turn was, which is later by its jitter. */
  readonly eventAt: number;
  readonly dueAt: number;
  /** Made up for after the controller was down. */
  readonly late: boolean;
}

/** The last run of this guest that has no backup of its own; there may be earlier ones since the last decision. */
export interface MissedRun {
  readonly schedule: string;
  readonly action: ScheduleAction;
  readonly vmid: number;
  readonly dueAt: number;
  /**
   * `skipped`: the controller was down, and the schedule makes up for nothing. `superseded`: a later run makes up
   * for it. `still-queued`: the run before has not begun yet, and will do for both. `no-backup`: there is nothing to
   * drill.
   */
  readonly because: 'skipped' | 'superseded' | 'still-queued' | 'no-backup';
}

export interface Decision {
  /** In the order of their turn. */
  readonly due: DueRun[];
  readonly missed: MissedRun[];
  /** To be handed in the next time; holds only the schedules that were given. */
  readonly decidedUntil: Map<string, number>;
}

/** A run that is decided on later than this was missed. Covers a restart of the controller. */
const punctualMs = 15 * 60_000;

/** A decision further ahead than this was made by a clock that was wrong, and does not count. */
const clockStepMs = 3_600_000;

/** What became due since the last decision. What is due once is due once, however often it is asked. */
export function dueRuns(schedules: readonly CompiledSchedule[], state: ScheduleState, now: number): Decision {
  const decision: Decision = { due: [], missed: [], decidedUntil: new Map() };
  const queued = new Set(state.queued.map(({ schedule, vmid }) => keyOf(schedule, vmid)));
  for (const compiled of schedules) {
    const { schedule } = compiled;
    const stored = state.decidedUntil.get(schedule.name) ?? now;
    const since = stored > now + clockStepMs ? now : stored;
    decision.decidedUntil.set(schedule.name, Math.max(since, now));
    if (!schedule.enabled || since >= now) continue;
    // Nearly always there is nothing, and no need to look at every guest.
    const soonest = nextEvent(compiled.event, since - schedule.when.jitterMs, compiled.zone);
    if (soonest === undefined || soonest > now) continue;
    const find = eventsOf(compiled, since, now);
    const { selected } = selectGuests(schedule.guests, state.guests);
    const { turn, withoutBackup } = ofThisTurn(compiled, selected, state);
    for (const { vmid } of withoutBackup) {
      const event = lastEvent(compiled.event, since, now, compiled.zone);
      if (event !== undefined) {
        const of = { schedule: schedule.name, action: schedule.action, vmid };
        decision.missed.push({ ...of, dueAt: event, because: 'no-backup' });
      }
    }
    for (const { vmid } of turn) {
      const jitterMs = jitterOf(schedule.name, vmid, schedule.when.jitterMs);
      const events = find(jitterMs);
      if (events) decide(decision, compiled, { vmid, jitterMs, ...events }, queued, now);
    }
  }
  decision.due.sort((a, b) => a.dueAt - b.dueAt || a.vmid - b.vmid || (a.schedule < b.schedule ? -1 : 1));
  return decision;
}

/** When this guest's next turn is after `after`, for people to see; none when the event happens no more. */
export function nextTurn(
  { schedule, event, zone }: CompiledSchedule,
  vmid: number,
  after: number,
): number | undefined {
  const jitterMs = jitterOf(schedule.name, vmid, schedule.when.jitterMs);
  const next = nextEvent(event, after - jitterMs, zone);
  return next === undefined ? undefined : next + jitterMs;
}

interface Turn {
  readonly vmid: number;
  readonly jitterMs: number;
  readonly last: number;
  /** The one before, if that is undecided too. */
  readonly earlier: number | undefined;
}

/** The last two events whose turn is in (since, now], by jitter. */
function eventsOf({ event, zone }: CompiledSchedule, since: number, now: number) {
  const found = new Map<number, { last: number; earlier: number | undefined } | undefined>();
  return (jitterMs: number) => {
    if (!found.has(jitterMs)) {
      const [after, until] = [since - jitterMs, now - jitterMs];
      const last = lastEvent(event, after, until, zone);
      const earlier = last === undefined ? undefined : lastEvent(event, after, last - 1000, zone);
      found.set(jitterMs, last === undefined ? undefined : { last, earlier });
    }
    return found.get(jitterMs);
  };
}

/** All of those that are selected are backed up each time, and some of them drilled. */
function ofThisTurn(
  { schedule }: CompiledSchedule,
  selected: readonly SelectableGuest[],
  { drillRecords }: ScheduleState,
): { turn: readonly SelectableGuest[]; withoutBackup: readonly SelectableGuest[] } {
  if (schedule.action === 'backup') return { turn: selected, withoutBackup: [] };
  const { drill, withoutBackup } = nextDrills(
    selected,
    drillRecords?.get(schedule.name) ?? new Map(),
    schedule.perRun,
  );
  return { turn: drill, withoutBackup };
}

function decide(
  { due, missed }: Decision,
  { schedule }: CompiledSchedule,
  { vmid, jitterMs, last, earlier }: Turn,
  queued: ReadonlySet<string>,
  now: number,
): void {
  const dueAt = last + jitterMs;
  const late = now - dueAt > punctualMs;
  const of = { schedule: schedule.name, action: schedule.action, vmid };
  if (late && schedule.missed === 'skip') missed.push({ ...of, dueAt, because: 'skipped' });
  else if (queued.has(keyOf(schedule.name, vmid))) missed.push({ ...of, dueAt, because: 'still-queued' });
  else {
    due.push({ ...of, eventAt: last, dueAt, late });
    if (earlier !== undefined) missed.push({ ...of, dueAt: earlier + jitterMs, because: 'superseded' });
  }
}

function keyOf(schedule: string, vmid: number): string {
  return `${schedule}/${vmid}`;
}
