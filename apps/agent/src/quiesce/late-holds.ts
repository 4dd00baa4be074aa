import type { ServiceFailure } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { ServiceHold } from '../methods/method.ts';
import { thawStubborn, type Unthawed } from './thaw-round.ts';

/** Holds that came about after nobody wanted them any more: thawed one by one, for as long as it takes. */
export class LateHolds {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onChange: () => void;
  readonly #unthawed: Unthawed = new Map();

  constructor(options: { clock: Clock; logger: Logger; onChange: () => void }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#onChange = options.onChange;
  }

  get failures(): ServiceFailure[] {
    return [...this.#unthawed.values()];
  }

  async thaw(hold: ServiceHold, signal: AbortSignal): Promise<void> {
    const { stack, service } = hold.record;
    const [clock, logger] = [this.#clock, this.#logger];
    logger.warn('the engine held it after all: thawing', { ...hold.record });
    this.#unthawed.set(hold, { stack, service, phase: 'thaw', message: 'held after the deadline' });
    this.#onChange();
    try {
      await thawStubborn(this.#unthawed, { clock, logger, onThawed: () => undefined }, signal);
    } catch (error) {
      logger.error('gave up thawing: the agent ends', { ...hold.record, error });
    }
    this.#onChange();
  }
}
