import { stageOf } from './mariadb-stages.ts';
import type { SqlClient } from './sql-client.ts';

/** How a server can be made to stand still. */
export type LockWay = 'backup-stages' | 'read-lock' | 'no-privilege';

/** What a server says of itself. */
export interface MariaDbFacts {
  /** For people: `MariaDB 11.8.6`. */
  engine: string;
  way: LockWay;
  /** Tables that no transaction protects, as `schema.table`, by engine. */
  unsafeTables: ReadonlyMap<string, readonly string[]>;
  /** For so long it may keep in memory what it has acknowledged; null where it does not. */
  lazyMs: number | null;
  notes: string[];
}

const listedTables = 3;
/** More than that are only said to be many. */
const countedTables = 1_000;

/** Without transactions. A crash damages all but Aria, which recovers. */
const unsafeEngines = "'MyISAM', 'Aria', 'ARCHIVE', 'CSV'";

/** Directories that belong to InnoDB's data and need not lie in the data directory. */
const directoryVariables = ['innodb_data_home_dir', 'innodb_log_group_home_dir', 'innodb_undo_directory'];

const variables = [
  'version',
  'version_comment',
  'datadir',
  'innodb_flush_log_at_trx_commit',
  'innodb_flush_log_at_timeout',
  'innodb_doublewrite',
  'wsrep_on',
  ...directoryVariables,
];

/** Reads only. */
export async function readFacts(client: SqlClient, signal: AbortSignal): Promise<MariaDbFacts> {
  const names = variables.map((name) => `'${name}'`).join(', ');
  const rows = await client.ask(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names});`, signal);
  const settings = new Map(rows.map(([name = '', value = '']) => [name, value]));
  const way = await wayOf(client, signal);
  const unsafeTables = await readUnsafeTables(client, signal);
  const product = settings.get('version')?.includes('MariaDB') === true ? 'MariaDB' : 'MySQL';
  const engine = `${product} ${/^[\d.]+/.exec(settings.get('version') ?? '')?.[0] ?? ''}`.trimEnd();
  const lazySeconds = Number(settings.get('innodb_flush_log_at_timeout') ?? 1);
  const lazyMs = settings.get('innodb_flush_log_at_trx_commit') === '0' ? lazySeconds * 1_000 : null;
  const notes = [
    ...(product === 'MySQL' ? ['untested on a real MySQL server'] : []),
    ...[...unsafeTables].map(([name, tables]) => `${name} tables: ${listed(tables)}`),
    ...wayNotes(way, unsafeTables.size > 0),
    ...settingNotes(settings),
  ];
  return { engine, way, unsafeTables, lazyMs, notes };
}

/** By the server's own word: asked for a stage without a backup, it says what it lacks, and does nothing. */
async function wayOf(client: SqlClient, signal: AbortSignal): Promise<LockWay> {
  switch (await stageOf(client, signal)) {
    case 'unknown-statement':
      return 'read-lock';
    case 'no-privilege':
      return 'no-privilege';
    case 'none':
    case 'held':
    case 'entered':
      return 'backup-stages';
  }
}

async function readUnsafeTables(
  client: SqlClient,
  signal: AbortSignal,
): Promise<Map<string, readonly string[]>> {
  const rows = await client.ask(
    "SELECT ENGINE, CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES " +
      `WHERE ENGINE IN (${unsafeEngines}) AND TABLE_TYPE = 'BASE TABLE' ` +
      "AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') " +
      `ORDER BY 1, 2 LIMIT ${countedTables};`,
    signal,
  );
  const tables = new Map<string, string[]>();
  for (const [engine = '', name = ''] of rows) tables.set(engine, [...(tables.get(engine) ?? []), name]);
  return tables;
}

function listed(tables: readonly string[]): string {
  const names = tables.slice(0, listedTables).join(', ');
  if (tables.length <= listedTables) return names;
  return `${names} and ${tables.length === countedTables ? 'many' : tables.length - listedTables} more`;
}

function wayNotes(way: LockWay, hasUnsafeTables: boolean): string[] {
  switch (way) {
    case 'backup-stages':
      return [];
    case 'read-lock':
      return hasUnsafeTables
        ? ['no BACKUP STAGE: its lock (FLUSH TABLES WITH READ LOCK) waits for every running statement']
        : ['no BACKUP STAGE, and no tables that would need a lock'];
    case 'no-privilege':
      return ['the user has no RELOAD privilege: there is no lock'];
  }
}

function settingNotes(settings: ReadonlyMap<string, string>): string[] {
  const dataDirectory = settings.get('datadir') ?? '';
  const elsewhere = directoryVariables.flatMap((name) => {
    const value = settings.get(name) ?? '';
    return value.startsWith('/') && !`${value}/`.startsWith(dataDirectory) ? [`${name}=${value}`] : [];
  });
  return [
    ...elsewhere.map((setting) => `${setting} must be in the same snapshot as ${dataDirectory}`),
    ...(settings.get('innodb_doublewrite') === 'OFF'
      ? ['innodb_doublewrite is OFF: a page that was half written cannot be repaired']
      : []),
    ...(settings.get('wsrep_on') === 'ON'
      ? ['a Galera node: while it is held its cluster may wait for it']
      : []),
  ];
}
