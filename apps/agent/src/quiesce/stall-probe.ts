import { type Clock, describeError, type Logger, orAborted } from '@tacet/runtime';

/** Rarely enough not to be what everybody waits for. */
const intervalMs = 25;

/** For the answer that hangs when the probe is ended: by then everything is thawed. */
const lastAnswerMs = 1_000;

/** Asks again and again, and remembers the longest time without an answer: the stall as a client saw it. */
export class StallProbe {
  readonly #ask: (signal: AbortSignal) => Promise<void>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ending = new AbortController();
  readonly #abandoned = new AbortController();
  readonly #running: Promise<void>;
  #longestMs = 0;
  #failed = false;

  constructor(ask: (signal: AbortSignal) => Promise<void>, ports: { clock: Clock; logger: Logger }) {
    this.#ask = ask;
    this.#clock = ports.clock;
    this.#logger = ports.logger;
    this.#running = this.#run();
  }

  /** Null where it could not ask to the end: a probe that failed has measured nothing. */
  get longestMs(): number | null {
    return this.#failed ? null : Math.round(this.#longestMs);
  }

  /** Resolves at the first answer from now on, and waits no more than a moment for it. Never rejects. */
  async end(): Promise<void> {
    this.#ending.abort();
    const tooLate = this.#clock.sleep(lastAnswerMs, this.#abandoned.signal).then(
      () => this.#abandoned.abort(new Error(`no answer within ${lastAnswerMs} ms of the thaw`)),
      () => undefined, // it has answered
    );
    await this.#running;
    this.#abandoned.abort();
    await tooLate;
  }

  async #run(): Promise<void> {
    let answeredAt = this.#clock.monotonicMs();
    const { signal } = this.#abandoned;
    try {
      do {
        await orAborted(this.#ask(signal), signal);
        const now = this.#clock.monotonicMs();
        this.#longestMs = Math.max(this.#longestMs, now - answeredAt);
        answeredAt = now;
        await this.#clock.sleep(intervalMs, this.#ending.signal).catch(() => undefined); // asked to end
      } while (!this.#ending.signal.aborted);
    } catch (error) {
      this.#failed = true;
      this.#logger.info('the probe of the stall has ended', { reason: describeError(error) });
    }
  }
}
