/** What came of asking: that something could not be had is a fact too. */
export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/** Asks within the examination's deadline, which ends the asking and not the examination. */
export type Ask = <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<Attempt<T>>;

/** @param parent when it aborts, nobody waits for the outcome any more, and asking throws. */
export function asker(parent: AbortSignal, within: AbortSignal): Ask {
  return async (work) => {
    try {
      return { ok: true, value: await work(within) };
    } catch (error) {
      parent.throwIfAborted();
      return failed(error);
    }
  };
}

export function failed(error: unknown): { readonly ok: false; readonly error: unknown } {
  return { ok: false, error };
}
