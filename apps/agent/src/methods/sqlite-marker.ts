import type { SqliteMarker } from '@tacet/protocol';
import { describeError, TacetError } from '@tacet/runtime';
import { SqliteClient, type SqliteGuest } from './sqlite-client.ts';

type Database = SqliteMarker['databases'][number];

/** How SQLite begins what it says of a damaged file: SQLITE_CORRUPT (11) and SQLITE_NOTADB (26). */
const damage = /malformed|file is not a database|disk I\/O error/;

/** Of a finding; `quick_check` names up to a hundred. */
const namedProblems = 2;

/** `quick_check` reads the whole file, so that big ones are not asked. */
export async function readSqliteDatabase(
  { name, path }: Pick<Database, 'name' | 'path'>,
  guest: SqliteGuest,
  mostBytes: number,
  signal: AbortSignal,
): Promise<Database> {
  const seen: Database = { name, path, pages: null, pageBytes: 0, shrinks: false, check: null };
  if ((await guest.fileBytes(path)) === 0) return seen;
  let client: SqliteClient | undefined;
  try {
    client = await SqliteClient.open(path, guest.start, signal);
    const lines = await client.ask('PRAGMA page_count;\nPRAGMA page_size;\nPRAGMA auto_vacuum;', signal);
    const [pages = 0, pageBytes = 0, autoVacuum = 0] = lines.map(Number);
    Object.assign(seen, { pages, pageBytes, shrinks: autoVacuum !== 0 });
    if (pages * pageBytes <= mostBytes) seen.check = inWords(await client.ask('PRAGMA quick_check;', signal));
    return seen;
  } catch (error) {
    signal.throwIfAborted();
    return { ...seen, check: damageOrThrow(error).join('; ') };
  } finally {
    await client?.[Symbol.asyncDispose]();
  }
}

/** Anything else is no word about the file: somebody has it locked, `sqlite3` is not installed. */
export function damageOrThrow(error: unknown): string[] {
  const said = describeError(error);
  if (TacetError.is(error, 'not-found') || !damage.test(said)) throw error;
  return [said];
}

function inWords(lines: readonly string[]): string {
  const rest = lines.length - namedProblems;
  const named = lines.slice(0, namedProblems).join('; ');
  return rest > 0 ? `${named}; and ${rest} more` : named;
}
