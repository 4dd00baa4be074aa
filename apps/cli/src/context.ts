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
  /** Left out where what is printed goes into a file or a pipe. */
  readonly screen?: Screen;
}

/** A terminal that is looked at. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

export interface Context extends LocalContext {
  readonly api: ControllerApi;
}

export function printJson({ print }: LocalContext, value: unknown): void {
  print(JSON.stringify(value, null, 2));
}
