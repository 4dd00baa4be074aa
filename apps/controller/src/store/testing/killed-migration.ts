/**
 * node killed-migration.ts STORE – begins two migrations as a later version would, and is killed in the second, when it
 * has changed a table and not yet finished.
 */
import { sql } from 'kysely';
import { migrateStore, openKysely } from '../migrate.ts';
import { migrations } from '../open-store.ts';

const path = process.argv[2] ?? '';
const db = openKysely(path);
await migrateStore(db, path, {
  program: '0.2.0',
  migrations: {
    ...migrations,
    '9998-whole': {
      up: async (later) => void (await sql`ALTER TABLE guests ADD COLUMN a TEXT`.execute(later)),
    },
    '9999-half': {
      up: async (later) => {
        await sql`UPDATE guests SET vmid = 999`.execute(later);
        await sql`ALTER TABLE guests ADD COLUMN b TEXT`.execute(later);
        process.kill(process.pid, 'SIGKILL');
      },
    },
  },
});
