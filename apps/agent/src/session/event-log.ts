import type { Event, EventType } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import { Listeners } from '../listeners.ts';

export interface NumberedEvent {
  sequence: number;
  event: Event;
}

/**
 * What happened, kept until the controller has it: events of a time without a session are sent afterwards.
 *
 * One sequence counts everything that the agent sends. It starts at the wall clock's milliseconds, so that
 * it goes on above the old one after a restart of the agent, and a repeated event can be told from a new one.
 */
export class EventLog {
  readonly #events: NumberedEvent[] = [];
  readonly #listeners = new Listeners();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #capacity: number;
  #sequence: number;

  constructor(options: { clock: Clock; log: Logger; capacity?: number }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#capacity = options.capacity ?? 1000;
    this.#sequence = Math.floor(options.clock.now());
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  emit(type: EventType, message: string, data: Record<string, unknown> = {}): void {
    this.add({ at: Math.floor(this.#clock.now()), type, message, data });
  }

  add(event: Event): void {
    this.#log.info(event.message, { event: event.type, ...event.data });
    this.#events.push({ sequence: this.nextSequence(), event });
    if (this.#events.length > this.#capacity) {
      const lost = this.#events.shift();
      this.#log.warn('the oldest event that no controller has heard of is dropped', { event: lost?.event });
    }
    this.#listeners.notify();
  }

  /** Those not yet acknowledged, from `after` on. */
  pending(after: number): NumberedEvent[] {
    return this.#events.filter(({ sequence }) => sequence > after);
  }

  /** The controller has everything up to here. */
  acknowledge(sequence: number): void {
    const first = this.#events.findIndex((entry) => entry.sequence > sequence);
    this.#events.splice(0, first === -1 ? this.#events.length : first);
  }

  /** @returns how to stop listening. */
  onEmit(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }
}
