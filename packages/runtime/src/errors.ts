export interface TacetErrorOptions {
  /** Stable, in kebab-case: what callers and operators match on. */
  readonly code: string;
  /** Whether the same call can succeed later with nothing changed by a person. Default false. */
  readonly retryable?: boolean;
  /** What a person can do about it, as one sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The base of every error Tacet raises on purpose. The message describes its own layer only; what lies
 * below is in `cause`, and the chain is put together once, where it is shown (`describeError`) or logged.
 */
export class TacetError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly hint: string | undefined;

  constructor(message: string, options: TacetErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.retryable = options.retryable ?? false;
    this.hint = options.hint;
  }

  /** True for a TacetError, and with a `code` only for one that carries it. Does not look at causes. */
  static is(error: unknown, code?: string): error is TacetError {
    return error instanceof TacetError && (code === undefined || error.code === code);
  }
}

const MAX_CAUSES = 16;

/** The error and its causes, outermost first; bounded, so a cause that names itself does no harm. */
export function causeChain(error: unknown): unknown[] {
  const chain: unknown[] = [];
  let next: unknown = error;
  while (next !== undefined && next !== null && chain.length < MAX_CAUSES && !chain.includes(next)) {
    chain.push(next);
    next = next instanceof Error ? next.cause : undefined;
  }
  return chain;
}

/** One line for people: the messages of the whole chain, joined by ` ← `. */
export function describeError(error: unknown): string {
  const messages = causeChain(error).map(messageOf);
  const distinct = messages.filter((message, index) => message !== messages[index - 1]);
  return distinct.length === 0 ? String(error) : distinct.join(' ← ');
}

/** Its message, without what JSON.parse quotes of the text that it could not parse: that may be a secret's file. */
export function ownWords({ message }: Error): string {
  if (!message.endsWith('is not valid JSON')) return message;
  const [token] = /^Unexpected token '.'/.exec(message) ?? [];
  return [token, 'not valid JSON'].filter((part) => part !== undefined).join(': ');
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : JSON.stringify(error);
  if (error.message !== '')
    return ownWords(error)
      .trim()
      .replaceAll(/\s*\n\s*/g, '; ');
  // Node's connect errors over several addresses carry no message of their own.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error.name;
}
