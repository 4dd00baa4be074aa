import {
  type CompiledSchedule,
  describeCalendarEvent,
  nextEvent,
  nextTurn,
  selectGuests,
  whyIncluded,
} from '@tacet/core';
import type { SchedulePreview } from '@tacet/protocol';
import type { AgentPort } from '../jobs/ports.ts';
import type { KnownGuest } from '../store/known-guests.ts';

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
    })),
    unmatched,
  };
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
