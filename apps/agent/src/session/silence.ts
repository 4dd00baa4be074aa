/**
 * For how long the peer has been silent, counted only while this guest was awake. A frozen guest hears
 * nobody, and its clock jumps by the whole freeze when it thaws: such a tick counts like an ordinary one, so
 * the peer gets its chance to be heard before it is given up.
 */
export class Silence {
  readonly #tickMs: number;
  #lastTickAt: number;
  #silentMs = 0;

  constructor(tickMs: number, nowMs: number) {
    this.#tickMs = tickMs;
    this.#lastTickAt = nowMs;
  }

  heard(): void {
    this.#silentMs = 0;
  }

  /** To be called every `tickMs` with the monotonic clock. @returns the silence so far, in ms. */
  tick(nowMs: number): number {
    this.#silentMs += Math.min(nowMs - this.#lastTickAt, this.#tickMs * 2);
    this.#lastTickAt = nowMs;
    return this.#silentMs;
  }
}
