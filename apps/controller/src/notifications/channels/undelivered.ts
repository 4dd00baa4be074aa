import { TacetError } from '@tacet/runtime';

interface UndeliveredOptions {
  /** The other side has answered, and will answer the same until somebody changes something. */
  readonly refused?: boolean;
  /** How long it wants to be left alone. */
  readonly retryAfterMs?: number | undefined;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Why a channel took no message. Its words hold nothing that is secret. */
export class Undelivered extends TacetError {
  readonly refused: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { refused = false, retryAfterMs, hint, cause }: UndeliveredOptions = {}) {
    super(message, { code: 'not-delivered', retryable: true, hint, cause });
    this.refused = refused;
    this.retryAfterMs = retryAfterMs;
  }
}
