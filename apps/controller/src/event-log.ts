import type { Event, EventType, StoredEvent } from '@tacet/protocol';
import { type Clock, deferred, type Logger, orAborted } from '@tacet/runtime';
import type { EventSubject, Events } from './store/events.ts';

/** What happened, in order, for everyone who asks. Recording never fails its caller: work goes on without. */
export class EventLog {
  readonly #events: Events;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #observers: ((event: Event) => void)[] = [];
  #next = deferred();

  constructor({ events, clock, log }: { events: Events; clock: Clock; log: Logger }) {
    this.#events = events;
    this.#clock = clock;
    this.#log = log;
  }

  /** Told of everything that happens, also of what a full disk did not take; it must not throw. */
  observe(observer: (event: Event) => void): void {
    this.#observers.push(observer);
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
    let isNew: boolean;
    try {
      isNew = (await this.#events.append(event, subject)) !== undefined;
    } catch (error) {
      // A full disk must not keep a guest held or a backup from being made.
      this.#log.error('an event could not be stored', { event: event.type, error });
      this.#tell(event);
      return;
    }
    if (isNew) this.#tell(event);
    this.#next.resolve();
    this.#next = deferred();
  }

  #tell(event: Event): void {
    for (const observer of this.#observers) observer(event);
  }

  async after(sequence: number, limit: number): Promise<StoredEvent[]> {
    return await this.#events.after(sequence, limit);
  }

  /** Resolves at the next event. */
  async nextEvent(signal: AbortSignal): Promise<void> {
    await orAborted(this.#next.promise, signal);
  }
}
