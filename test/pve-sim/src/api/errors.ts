/**
 * An answer that is not 200. `message` gets the trailing newline that Perl's `die` has; the status line
 * carries it without.
 */
export class PveError extends Error {
  override name = 'PveError';
  readonly status: number;
  readonly errors: Readonly<Record<string, string>> | undefined;

  constructor(status: number, message: string, errors?: Readonly<Record<string, string>>) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** 500: what any `die` in a handler becomes. A missing guest or storage is one of these, never a 404. */
export function failed(message: string): PveError {
  return new PveError(500, message);
}

export function invalidParameters(errors: Readonly<Record<string, string>>): PveError {
  return new PveError(400, 'Parameter verification failed.', errors);
}

export function forbidden(detail?: string): PveError {
  return new PveError(403, `Permission check failed${detail === undefined ? '' : ` (${detail})`}`);
}

/** What the message of an error is inside a task: permission failures keep their status there. */
export function taskMessage(error: unknown): string {
  if (error instanceof PveError && error.status === 403) return `403 ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
