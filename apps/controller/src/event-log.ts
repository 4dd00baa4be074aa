import type { Event, EventType, StoredEvent } from '@tacet/protocol';
import { type Clock, deferred, type Logger, orAborted } from '@tacet/runtime';
import type { EventSubject, Events } from './store/events.ts';

/** What happened, in order, for everyone who asks. Recording never fails its caller: work goes on without. */
export class EventLog {
  readonly #events: Events;
  readonly #clock: Clock;
  readonly #log: Logger;
  #next = deferred();

  constructor({ events, clock, log }: { events: Events; clock: Clock; log: Logger }) {
    this.#events = events;
    this.#clock = clock;
    this.#log = log;
  }

  async record(
    type: EventType,
    message: string,
    subject: EventSubject,
    data: Event['data'] = {},
  ): Promise<void> {
    await this.append({ at: this.#clock.now(), type, message, data }, subject);
  }

  async append(event: Event, subject: EventSubject): Promise<void> {
    this.#log.info(event.message, { event: event.type, vmid: subject.vmid ?? undefined });
    try {
      await this.#events.append(event, subject);
    } catch (error) {
      // A full disk must not keep a guest held or a backup from being made.
      this.#log.error('an event could not be stored', { event: event.type, error });
      return;
    }
    this.#next.resolve();
    this.#next = deferred();
  }

  async after(sequence: number, limit: number): Promise<StoredEvent[]> {
    return await this.#events.after(sequence, limit);
  }

  /** Resolves at the next event. */
  async nextEvent(signal: AbortSignal): Promise<void> {
    await orAborted(this.#next.promise, signal);
  }
}
