import type { Migration } from 'kysely/migration';
import { ownVersion } from '../own-version.ts';
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
import { migrateStore, openKysely } from './migrate.ts';
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
import { regenerate } from './migrations/0013-regenerate.ts';
import { openidConnect } from './migrations/0011-openid-connect.ts';
import { scheduledDrills } from './migrations/0012-scheduled-drills.ts';
import { notifications } from './migrations/0010-notifications.ts';
import { NodeRequests } from './node-requests.ts';
import { NotificationChannels } from './notification-channels.ts';
import { NotificationNews } from './notification-news.ts';
import { NotificationOutbox } from './notification-outbox.ts';
import { Operations } from './operations.ts';
import { type OnUnreadable, refuseUnreadable } from './readable-rows.ts';
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
  '0010-notifications': notifications,
  '0011-openid-connect': openidConnect,
  '0012-scheduled-drills': scheduledDrills,
  '0013-regenerate': regenerate,
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
  readonly notificationChannels: NotificationChannels;
  readonly notificationNews: NotificationNews;
  readonly notificationOutbox: NotificationOutbox;
  readonly operations: Operations;
  readonly restoreOrders: RestoreOrders;
  readonly scheduleRuns: ScheduleRuns;
  readonly schedules: Schedules;
  readonly snapshots: Snapshots;
}

/**
 * Opens the store and brings it up to date. `path` may be `:memory:`.
 *
 * @param onUnreadable told of each row that lists of guests and of what was done with them leave out
 * @throws TacetError `store-too-new` when a newer controller has written it, `store-migration` when a step
 * failed (the store is then as it was).
 */
export async function openStore(path: string, onUnreadable: OnUnreadable = refuseUnreadable): Promise<Store> {
  const db = openKysely<Tables>(path);
  try {
    await migrateStore(db, path, { migrations, program: await ownVersion() });
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    accounts: new Accounts(db),
    apiTokens: new ApiTokens(db),
    audit: new Audit(db),
    backups: new Backups(db, onUnreadable),
    dismissedCopies: new DismissedCopies(db),
    drills: new Drills(db, onUnreadable),
    census: new Census(db, onUnreadable),
    doctorReports: new DoctorReports(db, onUnreadable),
    enrolments: new Enrolments(db),
    events: new Events(db, onUnreadable),
    guests: new Guests(db, onUnreadable),
    logins: new Logins(db),
    knownGuests: new KnownGuests(db, onUnreadable),
    nodeRequests: new NodeRequests(db, onUnreadable),
    notificationChannels: new NotificationChannels(db),
    notificationNews: new NotificationNews(db),
    notificationOutbox: new NotificationOutbox(db),
    operations: new Operations(db, onUnreadable),
    restoreOrders: new RestoreOrders(db),
    scheduleRuns: new ScheduleRuns(db, onUnreadable),
    schedules: new Schedules(db),
    snapshots: new Snapshots(db, onUnreadable),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}
