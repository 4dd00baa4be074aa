/**
 * Undo steps, armed before the deed and run in reverse: `await using undo = new Undo()`. The part of
 * AsyncDisposableStack that is needed, which Node 20 has not.
 */
export class Undo implements AsyncDisposable {
  readonly #steps: (() => unknown)[] = [];

  /** Steps may be async; each runs even when one before it failed. */
  defer(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Hands the steps over to whoever keeps what was made; this one then has nothing left to do. */
  release(): Undo {
    const kept = new Undo();
    kept.#steps.push(...this.#steps.splice(0));
    return kept;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, `${failures.length} undo steps failed`);
  }
}
