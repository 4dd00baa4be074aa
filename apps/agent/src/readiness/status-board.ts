import { applyFindings, type Finding, transitions } from '@tacet/core';
import { type Condition, conditionTypeSchema, type GuestStatus, type ServiceStatus } from '@tacet/protocol';
import type { Clock } from '@tacet/runtime';
import { Listeners } from '../listeners.ts';
import type { EventLog } from '../session/event-log.ts';

export interface StatusBoardOptions {
  quiesceState: () => GuestStatus['quiesceState'];
  events: EventLog;
  clock: Clock;
}

/** The guest's picture as it is told to others. Changes only where something is different. */
export class StatusBoard {
  readonly #options: StatusBoardOptions;
  readonly #changed = new Listeners();
  #generation = 0;
  #conditions: Condition[];
  #services: ServiceStatus[] = [];

  constructor(options: StatusBoardOptions) {
    this.#options = options;
    const notYet = {
      status: 'Unknown',
      reason: 'NotLookedAtYet',
      message: 'the agent has just started',
    } as const;
    const findings: Finding[] = conditionTypeSchema.options.map((type) => ({ type, ...notYet }));
    this.#conditions = applyFindings([], findings, 0, Math.floor(options.clock.now()));
  }

  current(): GuestStatus {
    return {
      quiesceState: this.#options.quiesceState(),
      generation: this.#generation,
      conditions: this.#conditions,
      services: this.#services,
    };
  }

  /** @returns how to stop listening. */
  onChange(listener: () => void): () => void {
    return this.#changed.add(listener);
  }

  /** @returns whether anything is different from before. */
  report(findings: readonly Finding[], services: ServiceStatus[]): boolean {
    const isSame =
      findings.every((finding) => this.#isKnown(finding)) &&
      JSON.stringify(services) === JSON.stringify(this.#services);
    if (isSame) return false;
    const { clock, events } = this.#options;
    const before = this.#conditions;
    this.#services = services;
    this.#generation += 1;
    this.#conditions = applyFindings(before, findings, this.#generation, Math.floor(clock.now()));
    for (const { type, status, reason, message } of transitions(before, this.#conditions)) {
      events.emit('condition.changed', `${type} is ${status}: ${message}`, { type, status, reason });
    }
    this.#changed.notify();
    return true;
  }

  /** The quiesce state has changed. */
  touch(): void {
    this.#changed.notify();
  }

  #isKnown(finding: Finding): boolean {
    const known = this.#conditions.find(({ type }) => type === finding.type);
    return (
      known?.status === finding.status && known.reason === finding.reason && known.message === finding.message
    );
  }
}
