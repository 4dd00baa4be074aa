import type { ErrorCode, WireError } from '@tacet/protocol';
import { ProxmoxError, UnreachableError } from '@tacet/proxmox';
import { DeadlineError, describeError, TacetError } from '@tacet/runtime';

/** An error whose code is one of the contract's: it goes over the wire as it is. */
export class Failure extends TacetError {
  declare readonly code: ErrorCode;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string | undefined; retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, { code, ...options });
  }
}

/** What may be said of an error outside this process: its chain in one line, never its stack. */
export function toWireError(error: unknown): WireError {
  if (error instanceof Failure) {
    return {
      code: error.code,
      message: describeError(error),
      retryable: error.retryable,
      ...(error.hint !== undefined && { hint: error.hint }),
    };
  }
  if (error instanceof DeadlineError) {
    return { code: 'deadline-exceeded', message: describeError(error), retryable: true };
  }
  if (error instanceof ProxmoxError) {
    const code = error instanceof UnreachableError ? 'node-unreachable' : 'node-refused';
    const { hint, retryable } = error;
    return { code, message: describeError(error), retryable, ...(hint !== undefined && { hint }) };
  }
  return { code: 'internal', message: describeError(error), retryable: false };
}
