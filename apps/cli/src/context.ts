import type { Clock } from '@tacet/runtime';
import type { ControllerApi } from './controller-api.ts';

/** What every command works with. */
export interface Context {
  readonly api: ControllerApi;
  /** The answers themselves instead of words about them. */
  readonly json: boolean;
  /** One line of the result. */
  readonly print: (line: string) => void;
  /** One line about the way there; not part of the result. */
  readonly note: (line: string) => void;
  readonly clock: Clock;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
}

export function printJson({ print }: Context, value: unknown): void {
  print(JSON.stringify(value, null, 2));
}
