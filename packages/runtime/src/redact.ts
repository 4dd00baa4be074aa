import { causeChain, ownWords, TacetError } from './errors.ts';

const SECRET_KEY = /(?:secret|password|passphrase|token|credential|authorization|cookie)$/i;
const MAX_DEPTH = 8;

/** A copy that is safe to log: secrets masked by key, errors spelled out, everything JSON can carry. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (value instanceof Error) return serializeError(value, depth);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (value instanceof Date || value instanceof URL) return value.toJSON();
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (value instanceof Set) return redact([...value], depth);
  return redactFields(value instanceof Map ? Object.fromEntries(value) : value, depth);
}

/** `redact` for an object's fields. */
export function redactFields(fields: object, depth = 0): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, item]) => [
      key,
      SECRET_KEY.test(key) && item !== undefined ? '[redacted]' : redact(item, depth + 1),
    ]),
  );
}

/**
 * `{name, message, code?, retryable?, hint?, stack, causes?, errors?}`; the causes are a flat list, outermost
 * first, and only the outermost error has its stack: it says who called, the messages say the rest.
 */
export function serializeError(error: Error, depth = 0): Record<string, unknown> {
  const causes = causeChain(error.cause).map((cause) =>
    cause instanceof Error ? shape(cause, depth) : redact(cause, depth + 1),
  );
  const frames = error.stack?.slice(error.stack.indexOf('\n') + 1).split(/\n\s*/) ?? [];
  return {
    ...shape(error, depth),
    stack: frames.map((frame) => frame.trim()).filter((frame) => frame.startsWith('at ')),
    ...(causes.length > 0 && { causes }),
  };
}

function shape(error: Error, depth: number): Record<string, unknown> {
  return {
    name: error.name,
    message: ownWords(error),
    ...('code' in error && { code: error.code }),
    ...(error instanceof TacetError && { retryable: error.retryable, hint: error.hint }),
    ...(error instanceof AggregateError && { errors: error.errors.map((one) => redact(one, depth + 1)) }),
  };
}
