import { Failure } from '../failure.ts';

/** Asked again too soon. */
export class TooManyRequests extends Failure {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    super('too-many-requests', message, { hint: `Try again in ${seconds} s.`, retryable: true });
    this.retryAfterMs = retryAfterMs;
  }
}
