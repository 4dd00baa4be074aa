import { Failure } from '../failure.ts';

/** Told which row cannot be read, as from another version, and why. The row stays where it is. */
export type OnUnreadable = (row: string, error: unknown) => void;

/** Of a row that was asked for; whoever can do without it tells it from a store that cannot be read at all. */
export class UnreadableRow extends Failure {}

/** What could be read of some rows. What could not goes to `onUnreadable`. */
export function readableRows<Row, Entry>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  read: (row: Row) => Entry,
  onUnreadable: OnUnreadable,
): Entry[] {
  return rows.flatMap((row) => {
    try {
      return [read(row)];
    } catch (error) {
      onUnreadable(nameOf(row), error);
      return [];
    }
  });
}

/**
 * A page of what can be read, full as long as there is more of it: who asks goes on after its last, and must not take
 * what lies between for the end.
 *
 * @param rowsAfter at most `limit`, after that row; the first ones for undefined
 */
export async function readablePage<Row, Entry>(
  limit: number,
  rowsAfter: (last: Row | undefined) => Promise<Row[]>,
  read: (rows: Row[]) => Entry[] | Promise<Entry[]>,
): Promise<Entry[]> {
  const page: Entry[] = [];
  let last: Row | undefined;
  for (;;) {
    const rows = await rowsAfter(last);
    page.push(...(await read(rows)));
    last = rows.at(-1);
    if (page.length >= limit || rows.length < limit) return page.slice(0, limit);
  }
}

/** One that was asked for. @throws Failure `internal` where it cannot be read; `onUnreadable` is told too */
export function readRow<Row, Entry>(
  row: Row,
  nameOf: (row: Row) => string,
  read: (row: Row) => Entry,
  onUnreadable: OnUnreadable,
): Entry {
  try {
    return read(row);
  } catch (error) {
    onUnreadable(nameOf(row), error);
    return refuseUnreadable(nameOf(row), error);
  }
}

/** For who can do nothing without it. @throws Failure `internal` */
export function refuseUnreadable(row: string, cause: unknown): never {
  throw new UnreadableRow('internal', `the store has ${row}, which cannot be read`, {
    hint: 'It is kept. If a newer controller has written it, start that again; if the store is damaged, bring back a copy of it: tacet-controller restore-store. A guest can also be enrolled anew: tacet enrol VMID',
    cause,
  });
}
