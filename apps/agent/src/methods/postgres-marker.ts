import type { DataDifference } from '@tacet/core';
import type { PostgresMarker, RelationMarker } from '@tacet/protocol';
import type { Inspection } from './method.ts';
import { deepCheckPostgres } from './postgres-deep-check.ts';
import { type SqlClient, SqlRefusal } from './sql-client.ts';

/** Of each database, the biggest: a manifest is read and written as a whole. */
const markedRelations = 250;

const mostDatabases = 32;

/** Of the biggest relations so many pages are looked into. */
const sampledRelations = 100;
const sampledPages = 32;

/** Others can contain what psql's \connect would take for something else. */
const plainName = /^\w[\w-]*$/;

/** From here on statistics can be imported, so that `relpages` need not be what VACUUM saw. */
const importedStatistics = 180_000;

/** Named in a finding; more are only counted. */
const namedRelations = 3;

/** With a checkpoint's own place in the log: what lies before it is on the disk, and begins a record. */
const clusterQuery =
  'SELECT system_identifier, checkpoint_lsn, CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ' +
  "ELSE pg_current_wal_insert_lsn() END, current_setting('server_version_num') " +
  'FROM pg_control_system(), pg_control_checkpoint();';

const databasesQuery =
  'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname;';

/** Only what a crash keeps, and what is not the server's own. A relation that has just been dropped has no size. */
const relations =
  "FROM (SELECT nspname || '.' || relname AS name, pg_relation_filenode(c.oid) AS filenode, relpages, reltuples, " +
  "pg_relation_size(c.oid) / current_setting('block_size')::int AS pages FROM pg_class c " +
  'JOIN pg_namespace n ON n.oid = relnamespace ' +
  // Oids below belong to what `initdb` made (FirstNormalObjectId).
  "WHERE relkind IN ('r', 'i', 't', 'm', 'S') AND relpersistence = 'p' AND c.oid >= 16384) AS r " +
  'WHERE filenode IS NOT NULL AND pages IS NOT NULL';

const sizesQuery = (limit: string): string =>
  `SELECT name, filenode, pages, relpages || ' ' || reltuples ${relations} ORDER BY pages DESC, name LIMIT ${limit};`;

const shortQuery = `SELECT name, relpages, pages ${relations} AND pages < relpages ORDER BY name;`;

/**
 * Of relations with so many pages, how many of the samples have no content. A page has 24 bytes of header, of which
 * the first 16 are only 0 where nothing was ever put on it; a file has at most 1 GiB (PostgreSQL's documentation,
 * "Database File Layout" and "Database Page Layout").
 */
const emptyQuery = (of: readonly Pick<RelationMarker, 'name' | 'pages'>[]): string => `
  WITH wanted(name, pages) AS (VALUES ${of.map(({ name, pages }) => `(${quoted(name)}, ${pages}::bigint)`).join(', ')}),
  size AS (SELECT current_setting('block_size')::bigint AS bytes, 1073741824 / current_setting('block_size')::bigint AS most),
  files AS (SELECT nspname || '.' || relname AS name, pg_relation_filepath(c.oid) AS path FROM pg_class c
    JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid >= 16384),
  samples AS (SELECT name, path, CASE WHEN pages <= ${sampledPages} THEN i ELSE i * pages / ${sampledPages} END AS page
    FROM wanted JOIN files USING (name), generate_series(0, least(pages, ${sampledPages}) - 1) AS i)
  SELECT name, count(*) FILTER (WHERE coalesce(pg_read_binary_file(
    path || CASE WHEN page < most THEN '' ELSE '.' || (page / most)::text END, (page % most) * bytes, 16, true),
    ''::bytea) IN (''::bytea, decode(repeat('00', 16), 'hex'))) FROM samples, size GROUP BY name;`;

/**
 * With a client of its own, which is left in whatever database was the last.
 * @param of an earlier marker: then it gives the present position, all relations, and looks at the same samples;
 * without one the last checkpoint's position and the biggest relations, to be kept
 */
export async function readPostgresMarker(
  client: SqlClient,
  of: PostgresMarker | undefined,
  signal: AbortSignal,
): Promise<PostgresMarker | undefined> {
  const [row] = await client.ask(clusterQuery, signal);
  const [systemIdentifier, checkpoint, current] = row ?? [];
  const position = of ? current : checkpoint;
  if (!systemIdentifier || !position) return undefined;
  const found: RelationMarker[] = [];
  for (const database of await databasesOf(client, signal)) {
    const rows = await sizesIn(database, of ? 'ALL' : `${markedRelations}`, client, signal);
    const here = rows.map(([name = '', filenode, pages, noted = '']) => ({
      name,
      filenode: Number(filenode),
      pages: Number(pages),
      noted,
    }));
    const sampled = of
      ? of.relations.flatMap(({ name, pages, empty }) =>
          empty !== null && name.startsWith(`${database}.`)
            ? { name: name.slice(database.length + 1), pages }
            : [],
        )
      : here.filter(({ pages }) => pages > 0).slice(0, sampledRelations);
    const empty = await emptyIn(sampled, client, signal);
    for (const relation of here) {
      found.push({
        ...relation,
        name: `${database}.${relation.name}`,
        empty: empty.get(relation.name) ?? null,
      });
    }
  }
  return { engine: 'postgres', systemIdentifier, position, relations: found };
}

/** Of relations of the database that the client is in. */
async function emptyIn(
  sampled: readonly Pick<RelationMarker, 'name' | 'pages'>[],
  client: SqlClient,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  if (sampled.length === 0) return new Map();
  try {
    const rows = await client.ask(emptyQuery(sampled).replaceAll(/\s*\n\s*/g, ' '), signal);
    return new Map(rows.map(([name = '', count]) => [name, Number(count)]));
  } catch (error) {
    // Its role may not read files (`pg_read_server_files`), or something has just been dropped.
    if (error instanceof SqlRefusal) return new Map();
    throw error;
  }
}

function quoted(name: string): string {
  return `'${name.replaceAll("'", "''")}'`;
}

/** What a copy's catalogue says against its files: cheap, and independent of any marker. Deeper while it may. */
export async function inspectPostgres(
  client: SqlClient,
  mayGoDeep: () => boolean,
  signal: AbortSignal,
): Promise<Inspection> {
  const [row] = await client.ask(clusterQuery, signal);
  const canCompare = Number(row?.[3]) < importedStatistics;
  const findings: DataDifference[] = [];
  const looked: string[] = [];
  let count = 0;
  for (const database of await databasesOf(client, signal)) {
    count += 1;
    try {
      const rows = await client.ask(`${inDatabase(database)}${shortQuery}`, signal);
      if (canCompare) findings.push(...shortFiles(database, rows));
      if (mayGoDeep()) {
        const deep = await deepCheckPostgres(client, database, mayGoDeep, signal);
        looked.push(...deep.looked);
        findings.push(...deep.findings);
      }
    } catch (error) {
      const said = damageIn(error);
      if (said === undefined) throw error;
      findings.push(unreadable(database, said));
    }
  }
  if (canCompare && count > 0) looked.unshift(`files of ${count} databases against their catalogues`);
  return { looked, findings };
}

/** What the server says of a file that is damaged or gone: SQLSTATE classes 58 and XX; undefined for anything else. */
function damageIn(error: unknown): string | undefined {
  return error instanceof SqlRefusal && /^(?:58|XX)/.test(error.sqlCode) ? error.message : undefined;
}

/** Empty where the database cannot be read: whoever expects something there will miss it. */
async function sizesIn(
  database: string,
  limit: string,
  client: SqlClient,
  signal: AbortSignal,
): Promise<string[][]> {
  try {
    return await client.ask(`${inDatabase(database)}${sizesQuery(limit)}`, signal);
  } catch (error) {
    if (damageIn(error) === undefined) throw error;
    return [];
  }
}

async function databasesOf(client: SqlClient, signal: AbortSignal): Promise<string[]> {
  const rows = await client.ask(databasesQuery, signal);
  return rows
    .map(([name = '']) => name)
    .filter((name) => plainName.test(name))
    .slice(0, mostDatabases);
}

function inDatabase(name: string): string {
  return `\\connect "${name}"\n`;
}

function shortFiles(database: string, rows: readonly string[][]): DataDifference[] {
  const rest = rows.length - namedRelations;
  return rows.slice(0, namedRelations).map(([name = '', noted = '', pages = ''], index) => ({
    marker: `pages of ${database}.${name}`,
    expected: `${noted}, by its catalogue`,
    found: pages,
    because: `a file of it was cut off or lost, and its rows with it${
      index === namedRelations - 1 && rest > 0 ? `; so were those of ${rest} more relations` : ''
    }`,
  }));
}

function unreadable(database: string, said: string): DataDifference {
  return {
    marker: `catalogue of ${database}`,
    expected: 'readable',
    found: said,
    because: 'the server cannot read its own files',
  };
}
