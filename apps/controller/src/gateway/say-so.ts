import type { Clock } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import type { EventSubject } from '../store/events.ts';

/** A reboot after a long absence, with all that an agent keeps meanwhile, is a fifth of it. */
const CAPACITY = 5_000;
/** Events a second for as long as you like: some ten times what a restless guest reports. */
const REFILL_PER_SECOND = 1;
const BYTES_PER_TOKEN = 1_024;

interface Budget {
  tokens: number;
  atMs: number;
  leftOut: number;
}

/**
 * What is stored on the mere say-so of a guest is bounded per credential: whoever holds one, original and copies
 * together, could push out what happened to everybody else, or fill the disk.
 */
export class SaySo {
  readonly #events: EventLog;
  readonly #clock: Clock;
  readonly #budgets = new Map<string, Budget>();

  constructor({ events, clock }: { events: EventLog; clock: Clock }) {
    this.#events = events;
    this.#clock = clock;
  }

  /**
   * Has it recorded, or leaves it out, which is recorded once.
   *
   * @param holder the guest whose credential was shown
   */
  async record(
    holder: string,
    bytes: number,
    subject: EventSubject,
    record: () => Promise<void>,
  ): Promise<void> {
    const budget = this.#budgetOf(holder);
    const cost = 1 + Math.floor(bytes / BYTES_PER_TOKEN);
    if (budget.tokens >= cost) {
      budget.tokens -= cost;
      // Half of it again: that flood is over.
      if (budget.tokens >= CAPACITY / 2) budget.leftOut = 0;
      await record();
      return;
    }
    budget.leftOut += 1;
    if (budget.leftOut > 1) return;
    await this.#events.record(
      'session.throttled',
      'more was reported with the credential of this guest than is kept: some of it is left out',
      subject,
      { capacity: CAPACITY, refillPerSecond: REFILL_PER_SECOND },
    );
  }

  #budgetOf(holder: string): Budget {
    const now = this.#clock.monotonicMs();
    const before = this.#budgets.get(holder) ?? { tokens: CAPACITY, atMs: now, leftOut: 0 };
    const refilled = before.tokens + ((now - before.atMs) / 1_000) * REFILL_PER_SECOND;
    const budget = { ...before, tokens: Math.min(CAPACITY, refilled), atMs: now };
    this.#budgets.set(holder, budget);
    return budget;
  }
}
