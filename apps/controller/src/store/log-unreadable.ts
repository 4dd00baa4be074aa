import type { Logger } from '@tacet/runtime';
import type { OnUnreadable } from './readable-rows.ts';

/** Into the log, each row once: what it is missing from is asked for all the time. */
export function logUnreadable(log: Logger): OnUnreadable {
  const told = new Set<string>();
  return (row, error) => {
    if (told.has(row)) return;
    told.add(row);
    log.error('a row of the store cannot be read, and is left out; it is kept', { row, error });
  };
}
