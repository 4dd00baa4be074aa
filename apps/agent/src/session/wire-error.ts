import { errorCodeSchema, type ErrorCode, type WireError } from '@tacet/protocol';
import { DeadlineError, describeError, TacetError } from '@tacet/runtime';

/** Whole outputs of other programs end up in errors; what goes over the wire is for a person to read. */
const maxMessageLength = 4_000;

/** What a refusal looks like to the controller. A defect of the agent is `internal`, and not retryable. */
export function toWireError(error: unknown): WireError {
  const hint = error instanceof TacetError ? error.hint : undefined;
  return {
    code: codeOf(error),
    message: describeError(error).slice(0, maxMessageLength),
    ...(hint !== undefined && { hint }),
    retryable: error instanceof TacetError && error.retryable,
  };
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof DeadlineError) return 'deadline-exceeded';
  const code = errorCodeSchema.safeParse(error instanceof TacetError ? error.code : undefined);
  return code.success ? code.data : 'internal';
}
