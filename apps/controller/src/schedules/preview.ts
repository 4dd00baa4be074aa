import {
  type CompiledSchedule,
  describeCalendarEvent,
  drillOrder,
  type DrillRecord,
  nextEvent,
  nextTurn,
  selectGuests,
  whyIncluded,
} from '@tacet/core';
import type { Backup, SchedulePreview } from '@tacet/protocol';
import type { AgentPort } from '../jobs/ports.ts';
import type { KnownGuest } from '../store/known-guests.ts';
import { UnreadableRow } from '../store/readable-rows.ts';
import type { Store } from '../store/open-store.ts';

interface Preview {
  readonly compiled: CompiledSchedule;
  readonly guests: readonly KnownGuest[];
  readonly agents: Pick<AgentPort, 'presence'>;
  readonly now: number;
  /** How many of the next events. */
  readonly count: number;
}

export function preview({ compiled, guests, agents, now, count }: Preview): SchedulePreview {
  const { schedule } = compiled;
  const { selected, unmatched } = selectGuests(schedule.guests, guests);
  return {
    action: schedule.action,
    when: inWords(compiled),
    events: nextEvents(compiled, now, count),
    guests: selected.map((guest) => ({
      vmid: guest.vmid,
      name: guest.name ?? null,
      node: guest.node,
      storage: schedule.storage ?? guest.storage,
      because: whyIncluded(schedule.guests, guest),
      nextAt: nextTurn(compiled, guest.vmid, now) ?? null,
      notHeldBecause: whyNotHeld(compiled, agents.presence(guest.vmid)),
      drill: null,
    })),
    unmatched,
  };
}

interface DrillPreview extends Omit<Preview, 'agents'> {
  readonly records: ReadonlyMap<number, DrillRecord>;
  readonly store: Pick<Store, 'backups' | 'drills'>;
}

/** Whom it would drill, in which order, and at which of the next events, as far as those are asked for. */
export async function previewDrills(options: DrillPreview): Promise<SchedulePreview> {
  const { compiled, guests, records, store, now, count } = options;
  const { schedule } = compiled;
  const { selected, unmatched } = selectGuests(schedule.guests, guests);
  const events = nextEvents(compiled, now, count);
  const drilled: SchedulePreview['guests'] = [];
  let places = 0;
  for (const guest of drillOrder(selected, records)) {
    const backup = await newestBackup(guest.vmid, store);
    const last = await store.drills.newestOfGuest(guest.vmid);
    const turn = Math.floor(places / (schedule.perRun ?? 1));
    if (records.get(guest.vmid)?.hasBackup === true) places += 1;
    drilled.push({
      vmid: guest.vmid,
      name: guest.name ?? null,
      node: backup?.node ?? guest.node,
      storage: backup?.volid.split(':')[0] ?? guest.storage,
      because: whyIncluded(schedule.guests, guest),
      nextAt: backup === undefined ? null : (events[turn] ?? null),
      notHeldBecause: null,
      drill: {
        backupAt: backup?.finishedAt ?? null,
        drilledAt: last?.finishedAt ?? null,
        outcome: last?.outcome ?? null,
      },
    });
  }
  return { action: 'drill', when: inWords(compiled), events, guests: drilled, unmatched };
}

/** One that cannot be read is told in the log; the turn of its guest comes, and its run says why there is no drill. */
async function newestBackup(vmid: number, { backups }: DrillPreview['store']): Promise<Backup | undefined> {
  try {
    return await backups.newestToRestore(vmid);
  } catch (error) {
    if (error instanceof UnreadableRow) return undefined;
    throw error;
  }
}

export function inWords({ event, schedule }: CompiledSchedule): string {
  const words = describeCalendarEvent(event);
  return event.utc ? words : `${words}, ${schedule.when.timeZone}`;
}

function nextEvents({ event, zone }: CompiledSchedule, now: number, count: number): number[] {
  const events: number[] = [];
  while (events.length < count) {
    const next = nextEvent(event, events.at(-1) ?? now, zone);
    if (next === undefined) break;
    events.push(next);
  }
  return events;
}

function whyNotHeld(
  { schedule }: CompiledSchedule,
  presence: ReturnType<AgentPort['presence']>,
): string | null {
  if (schedule.mode !== 'snapshot') return `no hold can span a backup in ${schedule.mode} mode`;
  if (presence === 'not-connected') return 'no agent of this guest is connected';
  return presence === 'quarantined' ? 'the only agent of this guest is a quarantined copy' : null;
}
