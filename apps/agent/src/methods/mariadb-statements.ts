import type { SqlClient } from './sql-client.ts';

/** Enough to recognise a statement by. */
const shownLength = 120;

/** More are not looked at: the longest is what matters. */
const seenStatements = 50;

/** A statement that is running. */
export interface RunningStatement {
  seconds: number;
  /** For people, without the values in it: `statement 42 of shop, for 12 s: UPDATE sessions SET hits = …`. */
  description: string;
}

/**
 * The longest one that itself waits for nobody, of those that a lock may have to wait for; undefined where none
 * is seen. It needs the PROCESS privilege to see what others run.
 */
export async function longestStatement(
  client: SqlClient,
  { withReads }: { withReads: boolean },
  signal: AbortSignal,
): Promise<RunningStatement | undefined> {
  const rows = await client.ask(
    'SELECT ID, USER, TIME, INFO FROM information_schema.PROCESSLIST ' +
      "WHERE COMMAND IN ('Query', 'Execute') AND ID <> CONNECTION_ID() " +
      `AND COALESCE(STATE, '') NOT LIKE 'Waiting for%' ORDER BY TIME DESC LIMIT ${seenStatements};`,
    signal,
  );
  const row = rows.find(([, , , text = '']) => withReads || !/^(SELECT|SHOW)\b/i.test(withoutValues(text)));
  if (!row) return undefined;
  const [id = '', user = '', seconds = '', text = ''] = row;
  return {
    seconds: Number(seconds),
    description: `statement ${id} of ${user}, for ${seconds} s: ${withoutValues(text)}`,
  };
}

/**
 * Up to the first value: quoted, or a number. Comments go first, because they may carry values too. Simple on
 * purpose, since what a quote means depends on the server's `sql_mode`.
 */
export function withoutValues(statement: string): string {
  // The client writes a line break as two characters.
  const line = statement.replaceAll(/\\[nrt]|\s+/g, ' ').replaceAll(/\/\*.*?(\*\/|$)/g, ' ');
  const shown = (/^.*?(?=['"]|(?<![\w$])\d|--|#|$)/.exec(line)?.[0] ?? '')
    .replaceAll(/ +/g, ' ')
    .trim()
    .slice(0, shownLength);
  return shown.length < line.trim().length ? `${shown} …` : shown;
}
