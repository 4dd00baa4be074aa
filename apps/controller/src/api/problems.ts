import type { ErrorCode, Problem, WireError } from '@tacet/protocol';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { STATUS_CODES } from 'node:http';
import { TooManyRequests } from '../access/too-many-requests.ts';
import { Failure, toWireError } from '../failure.ts';

const statuses: Record<ErrorCode, ContentfulStatusCode> = {
  'invalid-input': 400,
  unauthorized: 401,
  forbidden: 403,
  'too-many-requests': 429,
  'not-found': 404,
  conflict: 409,
  'guest-not-connected': 409,
  'guest-quarantined': 409,
  'operation-mismatch': 409,
  'wrong-state': 409,
  'lease-expired': 409,
  cancelled: 409,
  'unsupported-version': 426,
  'prepare-failed': 502,
  'hold-failed': 502,
  'engine-unreachable': 502,
  'node-refused': 502,
  'backup-failed': 502,
  'restore-failed': 502,
  'node-unreachable': 503,
  'node-busy': 503,
  'not-ready': 503,
  'not-started': 503,
  'deadline-exceeded': 504,
  internal: 500,
};

/** RFC 9457: what is refused, with a stable code and what to do about it. */
export function problemResponse(c: Context, error: unknown): Response {
  const { code, message, hint } = wireErrorOf(error);
  const status = statuses[code];
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    code,
    ...(hint !== undefined && { hint }),
  };
  const challenge = status === 401 ? { 'WWW-Authenticate': 'Bearer' } : undefined;
  const later =
    error instanceof TooManyRequests
      ? { 'Retry-After': String(Math.ceil(error.retryAfterMs / 1000)) }
      : undefined;
  return c.body(JSON.stringify(problem), status, {
    'Content-Type': 'application/problem+json',
    ...challenge,
    ...later,
  });
}

function wireErrorOf(error: unknown): WireError {
  if (error instanceof Failure) return toWireError(error);
  if (error instanceof HTTPException && error.status < 500) {
    const message = error.message || 'the request cannot be read';
    return { code: 'invalid-input', message, retryable: false };
  }
  // What broke inside is in the log, and nobody's business outside.
  return { code: 'internal', message: 'the controller failed; its log says why', retryable: false };
}
