import { Kysely, sql, SqliteAdapter, SqliteDialect } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { TacetError } from '@tacet/runtime';
import { openNodeSqlite } from './node-sqlite.ts';
import { putAside, storeCopies } from './store-copies.ts';

/** What a build can make of a store. */
export interface StoreVersion {
  readonly migrations: Readonly<Record<string, Migration>>;
  /** Of the program: `0.1.0`. */
  readonly program: string;
}

/** SQLite's DDL is transactional; Kysely's adapter leaves that out, and a crash between two steps would stay. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class TransactionalDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

/** @param path may be `:memory:` */
export function openKysely<Tables>(path: string): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new TransactionalDialect({ database: openNodeSqlite(path) }) });
}

/**
 * Brings a store up to date in one transaction, after a copy of it was put aside, and writes down who did.
 *
 * @throws TacetError `store-too-new`, `store-migration`; the store is then as it was
 */
export async function migrateStore<Tables>(
  db: Kysely<Tables>,
  path: string,
  { migrations, program }: StoreVersion,
): Promise<void> {
  const applied = await appliedMigrations(db);
  const writtenBy = await writerOf(db);
  const unknown = applied.filter((name) => !(name in migrations));
  if (unknown.length > 0) {
    const newer = writtenBy === undefined ? 'a newer Tacet' : `Tacet ${writtenBy}`;
    throw new TacetError(
      `the store ${path} was written by ${newer} (${unknown.join(', ')}), and this is Tacet ${program}`,
      { code: 'store-too-new', hint: await wayBack(path, writtenBy, migrations) },
    );
  }
  try {
    const at = applied.at(-1);
    if (at !== undefined && applied.length < Object.keys(migrations).length && path !== ':memory:') {
      await putAside(path, at);
    }
    await signStore(db, program);
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
  } catch (cause) {
    throw new TacetError(`the store ${path} could not be brought up to date`, {
      code: 'store-migration',
      hint: 'It is as it was. It needs room on the disk for a second copy of itself.',
      cause,
    });
  }
}

async function wayBack(
  path: string,
  writtenBy: string | undefined,
  migrations: StoreVersion['migrations'],
): Promise<string> {
  const upgrade = `Install ${writtenBy === undefined ? 'that version' : `Tacet ${writtenBy}`} or a later one.`;
  const copy =
    path === ':memory:' ? undefined : (await storeCopies(path)).findLast(({ at }) => at in migrations);
  if (copy === undefined) {
    return `${upgrade} To go back: tacet-controller restore-store with a backup from before the upgrade.`;
  }
  return (
    `${upgrade} To go back to what was known before the upgrade, while no controller runs: ` +
    `rm -f ${path}-wal ${path}-shm; cp -p ${copy.path} ${path}`
  );
}

/** Read directly: Kysely's own list names only the migrations that this build knows. */
async function appliedMigrations<Tables>(db: Kysely<Tables>): Promise<string[]> {
  const tables = await sql`SELECT 1 FROM sqlite_master WHERE name = 'kysely_migration'`.execute(db);
  if (tables.rows.length === 0) return [];
  const { rows } = await sql<{ name: string }>`SELECT name FROM kysely_migration ORDER BY name`.execute(db);
  return rows.map(({ name }) => name);
}

/**
 * The newest program that has written the store; undefined for one from before that was written down. It stands in
 * SQLite's `user_version`, as 1000 for 0.1.0: a program that knows nothing else of the store can read it.
 */
async function writerOf<Tables>(db: Kysely<Tables>): Promise<string | undefined> {
  const { rows } = await sql<{ user_version: number }>`PRAGMA user_version`.execute(db);
  const number = rows[0]?.user_version ?? 0;
  if (number === 0) return undefined;
  return [number / 1e6, (number / 1e3) % 1e3, number % 1e3].map(Math.floor).join('.');
}

async function signStore<Tables>(db: Kysely<Tables>, program: string): Promise<void> {
  const [major = 0, minor = 0, patch = 0] = program.split(/[.-]/).map(Number);
  const number = major * 1e6 + minor * 1e3 + patch;
  const { rows } = await sql<{ user_version: number }>`PRAGMA user_version`.execute(db);
  if ((rows[0]?.user_version ?? 0) >= number) return;
  await sql.raw(`PRAGMA user_version = ${number}`).execute(db);
}
