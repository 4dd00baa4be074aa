import { type CompiledSchedule, lastEvent, type SelectableGuest, selectGuests } from '@tacet/core';
import type { ScheduleAction, ScheduleRun } from '@tacet/protocol';
import type { EventLog } from '../event-log.ts';

/** What the schedules do, as events that people read: above all what they do not do. */
export class ScheduleNews {
  readonly #events: EventLog;

  constructor(events: EventLog) {
    this.#events = events;
  }

  async decided(
    schedules: readonly CompiledSchedule[],
    runs: readonly ScheduleRun[],
    { since, now, guests }: Decided,
  ): Promise<void> {
    for (const compiled of schedules) {
      const { name } = compiled.schedule;
      const own = runs.filter(({ schedule }) => schedule === name);
      const due = own.filter(({ state }) => state === 'queued');
      if (due.length > 0) await this.#due(name, due, compiled.schedule.action);
      for (const run of own) if (run.state === 'missed') await this.dropped(run);
      if (happened(compiled, since.get(name) ?? now, now)) await this.#unmatched(compiled, guests);
    }
  }

  async asked(name: string, runs: readonly ScheduleRun[]): Promise<void> {
    const [first] = runs;
    if (first !== undefined) await this.#due(name, runs, first.action);
  }

  async dropped({ schedule, action, vmid, message }: ScheduleRun): Promise<void> {
    const text = `${schedule}: guest ${vmid} is not ${done[action]}: ${message ?? ''}`;
    await this.#events.record('schedule.missed', text, { guestId: null, vmid }, { schedule });
  }

  async changed(name: string, what: string): Promise<void> {
    const text = `the schedule ${name} was ${what}`;
    await this.#events.record('schedule.changed', text, nobody, { schedule: name });
  }

  async #due(name: string, runs: readonly ScheduleRun[], action: ScheduleAction): Promise<void> {
    const vmids = runs.map(({ vmid }) => vmid);
    const late = runs.some((run) => run.late) ? ', some of them late' : '';
    const text = `${name}: ${action}s of ${vmids.join(', ')} are due${late}`;
    await this.#events.record('schedule.due', text, nobody, { schedule: name, vmids });
  }

  /** Somebody counts on what stands in a schedule. */
  async #unmatched({ schedule }: CompiledSchedule, guests: readonly SelectableGuest[]): Promise<void> {
    const { name, action } = schedule;
    const { selected, unmatched } = selectGuests(schedule.guests, guests);
    if (unmatched.length === 0 && selected.length > 0) return;
    const why = unmatched.length === 0 ? 'everything is excluded' : `nobody matches ${unmatched.join(', ')}`;
    const text = `${name}: ${selected.length === 0 ? `no guest is ${done[action]}: ` : ''}${why}`;
    await this.#events.record('schedule.unmatched', text, nobody, { schedule: name, unmatched });
  }
}

interface Decided {
  /** By name: up to when had been decided before. */
  readonly since: ReadonlyMap<string, number>;
  readonly now: number;
  readonly guests: readonly SelectableGuest[];
}

const done: Record<ScheduleAction, string> = { backup: 'backed up', drill: 'drilled' };

const nobody = { guestId: null, vmid: null };

function happened({ schedule, event, zone }: CompiledSchedule, since: number, now: number): boolean {
  return schedule.enabled && since < now && lastEvent(event, since, now, zone) !== undefined;
}
