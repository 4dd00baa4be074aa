import type { DataDifference } from '@tacet/core';
import type { MariaDbMarker } from '@tacet/protocol';
import type { Inspection, InspectionBudget } from './method.ts';
import { type SqlClient, SqlRefusal } from './sql-client.ts';

/** `SHOW BINLOG STATUS` came with MariaDB 10.5, `SHOW BINARY LOG STATUS` replaced it in MySQL 8.4. */
const binaryLogStatements = ['SHOW MASTER STATUS;', 'SHOW BINARY LOG STATUS;'];

/** In a marker what was written out counts; now, what has been reached. The second name is MySQL's (8.0.30). */
const positionNames = {
  durable: ['Innodb_lsn_flushed', 'Innodb_redo_log_flushed_to_disk_lsn'],
  now: ['Innodb_lsn_current', 'Innodb_redo_log_current_lsn'],
} as const;

const settings = ['server_uuid', 'gtid_binlog_pos'];

/**
 * Every table is opened for this, because nobody knows its size otherwise (seen with MariaDB 11.8: without a size in
 * the question it looks no further than the definition). Of one that cannot be opened the engine is null, and the
 * comment says why.
 */
const tablesQuery =
  "SELECT REPLACE(TABLE_SCHEMA, '`', '``'), REPLACE(TABLE_NAME, '`', '``'), " +
  "COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0), IF(ENGINE IS NULL, TABLE_COMMENT, '') " +
  "FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' " +
  "AND TABLE_SCHEMA NOT IN ('sys', 'information_schema', 'performance_schema') ORDER BY 3, 1, 2;";

/** A bigger one takes longer than anybody wants to wait for, and a check that is cut short says nothing. */
const mostTableBytes = 64 * 1024 ** 2;

/** Named in a finding; more are only counted. */
const namedTables = 3;

/** Words of a check that nothing is wrong by. */
const fine: ReadonlySet<string> = new Set(['OK', 'Table is already up to date']);

export async function readMariaDbMarker(
  client: SqlClient,
  product: MariaDbMarker['engine'],
  which: 'durable' | 'now',
  signal: AbortSignal,
): Promise<MariaDbMarker> {
  const values = new Map([
    ...pairs(await client.ask(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${quoted(settings)});`, signal)),
    ...pairs(
      await client.ask(
        `SHOW GLOBAL STATUS WHERE Variable_name IN (${quoted(positionNames[which])});`,
        signal,
      ),
    ),
  ]);
  const position = positionNames[which]
    .map((name) => values.get(name))
    .find((value) => /^\d+$/.test(value ?? ''));
  return {
    engine: product,
    serverUuid: values.get('server_uuid') ?? null,
    position: position ?? null,
    binaryLog: await readBinaryLog(client, signal),
    gtid: values.get('gtid_binlog_pos') ?? null,
  };
}

/**
 * Opens every table, then lets the server check as many as the time allows, the small ones first. `MEDIUM` reads
 * every row, since a file of MyISAM that was cut off is filled up by the next write. A table that is being checked
 * can still be read and, with InnoDB, written.
 */
export async function inspectMariaDb(
  client: SqlClient,
  depth: InspectionBudget['depth'],
  isInTime: () => boolean,
  signal: AbortSignal,
): Promise<Inspection> {
  const tables = await client.ask(tablesQuery, signal);
  const findings: DataDifference[] = [];
  const options = depth === 'quick' ? 'MEDIUM' : 'EXTENDED';
  let checked = 0;
  for (const [schema = '', table = '', bytes, complaint] of tables) {
    if (!complaint && (!isInTime() || (depth === 'quick' && Number(bytes) > mostTableBytes))) break;
    const said = complaint || (await checkTable(client, `\`${schema}\`.\`${table}\` ${options}`, signal));
    if (said) findings.push(damaged(`${schema}.${table}`, said));
    checked += 1;
  }
  const every = `${tables.length} tables opened`;
  const some = `the ${checked} smallest of ${tables.length} tables checked, all opened`;
  return {
    looked: [checked === tables.length ? `${every} and checked` : some],
    findings: summed(findings),
  };
}

/** What is wrong with it, in the server's words; undefined for a sound one, and for an engine that has no check. */
async function checkTable(client: SqlClient, name: string, signal: AbortSignal): Promise<string | undefined> {
  let rows: string[][];
  try {
    rows = await client.ask(`CHECK TABLE ${name};`, signal);
  } catch (error) {
    // It has been dropped meanwhile, or may not be seen.
    if (error instanceof SqlRefusal) return undefined;
    throw error;
  }
  const bad = rows.filter(
    ([, , kind = '', text = '']) =>
      /^error$/i.test(kind) || (kind === 'status' && !fine.has(text) && !text.includes("doesn't support")),
  );
  return bad.length === 0 ? undefined : bad.map(([, , , text = '']) => text).join('; ');
}

async function readBinaryLog(client: SqlClient, signal: AbortSignal): Promise<MariaDbMarker['binaryLog']> {
  for (const statement of binaryLogStatements) {
    try {
      const [row] = await client.ask(statement, signal);
      const [file, position] = row ?? [];
      return file && position ? { file, position: Number(position) } : null;
    } catch (error) {
      // This server has another word for it, or its user may not ask.
      if (!(error instanceof SqlRefusal)) throw error;
    }
  }
  return null;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

function pairs(rows: readonly string[][]): [string, string][] {
  return rows.map(([name = '', value = '']) => [name, value]);
}

function damaged(name: string, said: string): DataDifference {
  return {
    marker: `table ${name}`,
    expected: 'sound',
    found: said,
    because: 'the server itself calls the table damaged',
  };
}

function summed(findings: readonly DataDifference[]): DataDifference[] {
  const rest = findings.length - namedTables;
  return findings
    .slice(0, namedTables)
    .map((finding, index) =>
      index === namedTables - 1 && rest > 0
        ? { ...finding, because: `${finding.because}; so are ${rest} more` }
        : finding,
    );
}
