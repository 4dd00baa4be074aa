import { Kysely, SqliteDialect } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import { TacetError } from '@tacet/runtime';
import { Accounts } from './accounts.ts';
import { ApiTokens } from './api-tokens.ts';
import { Audit } from './audit.ts';
import { Backups } from './backups.ts';
import { DismissedCopies } from './dismissed-copies.ts';
import { Drills } from './drills.ts';
import { Census } from './census.ts';
import { DoctorReports } from './doctor-reports.ts';
import { Enrolments } from './enrolments.ts';
import { Events } from './events.ts';
import { Guests } from './guests.ts';
import { Logins } from './logins.ts';
import { first } from './migrations/0001-first.ts';
import { origin } from './migrations/0002-origin.ts';
import { nodeRequests } from './migrations/0003-node-requests.ts';
import { copies } from './migrations/0006-copies.ts';
import { snapshotsAndDrills } from './migrations/0007-snapshots-and-drills.ts';
import { access } from './migrations/0005-access.ts';
import { schedules } from './migrations/0004-schedules.ts';
import { KnownGuests } from './known-guests.ts';
import { doctor } from './migrations/0008-doctor.ts';
import { beforeRestores } from './migrations/0009-before-restores.ts';
import { NodeRequests } from './node-requests.ts';
import { openNodeSqlite } from './node-sqlite.ts';
import { Operations } from './operations.ts';
import { RestoreOrders } from './restore-orders.ts';
import { Snapshots } from './snapshots.ts';
import { ScheduleRuns } from './schedule-runs.ts';
import { Schedules } from './schedules.ts';
import type { Tables } from './schema.ts';

/** Forward only, and a released one never changes: a store is as old as the machine it lives on. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-origin': origin,
  '0003-node-requests': nodeRequests,
  '0004-schedules': schedules,
  '0005-access': access,
  '0006-copies': copies,
  '0007-snapshots-and-drills': snapshotsAndDrills,
  '0008-doctor': doctor,
  '0009-before-restores': beforeRestores,
};

export interface Store extends AsyncDisposable {
  readonly accounts: Accounts;
  readonly apiTokens: ApiTokens;
  readonly audit: Audit;
  readonly backups: Backups;
  readonly dismissedCopies: DismissedCopies;
  readonly drills: Drills;
  readonly census: Census;
  readonly doctorReports: DoctorReports;
  readonly enrolments: Enrolments;
  readonly events: Events;
  readonly guests: Guests;
  readonly logins: Logins;
  readonly knownGuests: KnownGuests;
  readonly nodeRequests: NodeRequests;
  readonly operations: Operations;
  readonly restoreOrders: RestoreOrders;
  readonly scheduleRuns: ScheduleRuns;
  readonly schedules: Schedules;
  readonly snapshots: Snapshots;
}

/**
 * Opens the store and brings it up to date. `path` may be `:memory:`.
 *
 * @throws TacetError `store-too-new` when a newer controller has written it, `store-migration` when a step
 * failed (the store is then as it was).
 */
export async function openStore(path: string): Promise<Store> {
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: openNodeSqlite(path) }) });
  try {
    await migrate(db, path);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    accounts: new Accounts(db),
    apiTokens: new ApiTokens(db),
    audit: new Audit(db),
    backups: new Backups(db),
    dismissedCopies: new DismissedCopies(db),
    drills: new Drills(db),
    census: new Census(db),
    doctorReports: new DoctorReports(db),
    enrolments: new Enrolments(db),
    events: new Events(db),
    guests: new Guests(db),
    logins: new Logins(db),
    knownGuests: new KnownGuests(db),
    nodeRequests: new NodeRequests(db),
    operations: new Operations(db),
    restoreOrders: new RestoreOrders(db),
    scheduleRuns: new ScheduleRuns(db),
    schedules: new Schedules(db),
    snapshots: new Snapshots(db),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

async function migrate(db: Kysely<Tables>, path: string): Promise<void> {
  const unknown = (await appliedMigrations(db)).filter((name) => !(name in migrations));
  if (unknown.length > 0) {
    throw new TacetError(`the store ${path} was written by a newer controller (${unknown.join(', ')})`, {
      code: 'store-too-new',
      hint: 'Run that version or a later one; to go back, restore the store from before the upgrade.',
    });
  }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    throw new TacetError(`the store ${path} could not be brought up to date`, {
      code: 'store-migration',
      cause: error,
    });
  }
}

/** Read directly: Kysely's own list names only the migrations that this build knows. */
async function appliedMigrations(db: Kysely<Tables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return [];
  const rows = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}
