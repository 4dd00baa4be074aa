import { TacetError } from '@tacet/runtime';

/** The HTTP status that dockerode puts on its errors; undefined where the daemon did not answer at all. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}

/** The daemon's own words, without what dockerode puts around them. */
export function engineMessage(error: unknown): string {
  if (error instanceof Error && 'json' in error && typeof error.json === 'object' && error.json !== null) {
    const { json } = error;
    if ('message' in json && typeof json.message === 'string') return json.message;
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * `engine-unreachable` where there was no answer, `not-found` for 404, and `internal` in the daemon's words
 * for every other refusal. An abort stays what it is: the signal's reason.
 */
export function toTacetError(what: string, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (TacetError.is(error)) return error;
  const status = statusOf(error);
  if (status === undefined) {
    return new TacetError(`the engine does not answer (${what})`, {
      code: 'engine-unreachable',
      retryable: true,
      hint: 'Is the Docker daemon running, and may the agent use its socket?',
      cause: error,
    });
  }
  if (status === 404) return new TacetError(`${what}: ${engineMessage(error)}`, { code: 'not-found' });
  return new TacetError(`${what}: ${engineMessage(error)}`, { code: 'internal', retryable: status >= 500 });
}
