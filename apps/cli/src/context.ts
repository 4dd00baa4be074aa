import type { Clock } from '@tacet/runtime';
import type { ControllerApi } from './controller-api.ts';

/** What every command works with, also one that is about this machine and asks no controller. */
export interface LocalContext {
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

export interface Context extends LocalContext {
  readonly api: ControllerApi;
}

export function printJson({ print }: Context, value: unknown): void {
  print(JSON.stringify(value, null, 2));
}
