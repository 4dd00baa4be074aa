import type { EngineContainer } from '../engine/engine.ts';
import type { SqlClient } from './sql-client.ts';

/** What a server says of itself. */
export interface PostgresFacts {
  /** For people: `PostgreSQL 17.6`. */
  engine: string;
  /** Somebody's commits are acknowledged before their WAL is written. */
  isLazy: boolean;
  blockBytes: number;
  /** Asks for {@link Written}. */
  writtenQuery: string;
  notes: string[];
}

/** The checkpointer's own counters. */
export interface Written {
  checkpoints: number;
  blocks: number;
}

const settings = [
  'server_version',
  'server_version_num',
  'data_directory',
  'block_size',
  'fsync',
  'full_page_writes',
  'synchronous_commit',
  'wal_writer_delay',
];

/** `wal_writer_delay` in milliseconds; what is lost is at most three times that (PostgreSQL's documentation). */
const defaultWalWriterDelayMs = 200;

/** Rows of a name and a value; one line, as the kept client is fed. */
const factsQuery = [
  `SELECT name, setting FROM pg_settings WHERE name IN (${settings.map((name) => `'${name}'`).join(', ')})`,
  "SELECT 'role', current_user::text",
  "SELECT 'standby', pg_is_in_recovery()::text",
  // `pg_checkpoint` came with 15.
  "SELECT 'may_checkpoint', (current_setting('is_superuser') = 'on' OR EXISTS (SELECT FROM pg_roles " +
    "WHERE rolname = 'pg_checkpoint' AND pg_has_role(oid, 'USAGE')))::text",
  "SELECT 'tablespace', spcname || ' in ' || pg_tablespace_location(oid) FROM pg_tablespace " +
    "WHERE pg_tablespace_location(oid) <> ''",
  "SELECT 'lazy', concat_ws(' in ', rolname, datname) FROM pg_db_role_setting " +
    'LEFT JOIN pg_roles ON pg_roles.oid = setrole LEFT JOIN pg_database ON pg_database.oid = setdatabase ' +
    "WHERE EXISTS (SELECT FROM unnest(setconfig) AS one WHERE one ~ '^synchronous_commit=(off|false|no|0)$')",
].join(' UNION ALL ');

/** Reads only. */
export async function readFacts(
  client: SqlClient,
  container: EngineContainer,
  signal: AbortSignal,
): Promise<PostgresFacts> {
  const rows = await client.ask(`${factsQuery};`, signal);
  const all = (name: string): string[] =>
    rows.flatMap(([found, value = '']) => (found === name ? [value] : []));
  const one = (name: string): string | undefined => all(name)[0];
  const lazy = one('synchronous_commit') === 'off' ? ['everybody'] : all('lazy');
  const missingMs = 3 * Number(one('wal_writer_delay') ?? defaultWalWriterDelayMs);
  const wal = walElsewhere(container, one('data_directory'));
  const notes = [
    ...(one('may_checkpoint') === 'false'
      ? [`role ${one('role')} may not CHECKPOINT: a restored copy takes longer to recover`]
      : []),
    ...lazy.map(
      (who) =>
        `synchronous_commit is off for ${who}: what was acknowledged in the last ${missingMs} ms may be missing`,
    ),
    ...(one('fsync') === 'off' ? ['fsync is off: a crash of the guest may damage its files'] : []),
    ...(one('full_page_writes') === 'off'
      ? ['full_page_writes is off: a page that was half written cannot be repaired']
      : []),
    ...all('tablespace').map((where) => `tablespace ${where} must be in the same snapshot`),
    ...(wal === undefined ? [] : [`its WAL in ${wal} must be in the same snapshot`]),
    ...(one('standby') === 'true' ? ['a standby: it has what its primary has sent'] : []),
  ];
  return {
    engine: `PostgreSQL ${one('server_version')?.split(' ')[0] ?? ''}`.trimEnd(),
    isLazy: lazy.length > 0,
    blockBytes: Number(one('block_size') ?? 8_192),
    writtenQuery:
      Number(one('server_version_num') ?? 0) >= 170_000
        ? 'SELECT num_requested, buffers_written FROM pg_stat_checkpointer;'
        : 'SELECT checkpoints_req, buffers_checkpoint FROM pg_stat_bgwriter;',
    notes,
  };
}

export async function readWritten(
  client: SqlClient,
  { writtenQuery }: PostgresFacts,
  signal: AbortSignal,
): Promise<Written | undefined> {
  const [row] = await client.ask(writtenQuery, signal);
  return row && { checkpoints: Number(row[0]), blocks: Number(row[1]) };
}

/** By the mounts, and by what the official image's `initdb` was told. */
function walElsewhere(
  { mounts, env }: EngineContainer,
  dataDirectory: string | undefined,
): string | undefined {
  const told = env.find((entry) => entry.startsWith('POSTGRES_INITDB_WALDIR='))?.split('=')[1];
  if (told) return told;
  return mounts.find(({ target }) => target === `${dataDirectory}/pg_wal`)?.target;
}
