import type { MethodTarget } from '@tacet/agent/src/methods/method.ts';
import type { SqliteGuest } from '@tacet/agent/src/methods/sqlite-client.ts';
import { SqliteMethod } from '@tacet/agent/src/methods/sqlite.ts';
import { labObstacle, lxcInitPid } from '@tacet/lab';
import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MethodsGuest, openMethodsGuest } from './methods-guest.ts';

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

describe.skipIf(obstacle !== undefined)(
  `the method of SQLite${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let bench: MethodsGuest;
    let guest: SqliteGuest;
    let root: string;
    let of: MethodTarget;
    beforeAll(async () => {
      // An application that writes without a pause to /data/app.db, as a user that is not root.
      bench = await openMethodsGuest(142, { name: 'engines', services: ['sqlite'] });
      root = `/proc/${await lxcInitPid(142)}/root`;
      guest = {
        start: (argv) => bench.guest.spawn(argv),
        fileBytes: async (path) => (await stat(`${root}${path}`)).size,
      };
      of = await bench.target('engines', 'sqlite');
    });
    afterAll(() => bench?.[Symbol.asyncDispose]());

    const path = async (): Promise<string> => {
      const [found] = await bench.ports.processes.sqliteFiles(of.cgroup);
      if (!found) throw new Error('no database is open');
      return found.path;
    };

    /** In a process of the guest's own. */
    async function count(): Promise<number> {
      const argv = ['sqlite3', '-cmd', '.timeout 10000', await path(), 'SELECT count(*) FROM writes'];
      const { stdout, stderr, exitCode } = await bench.guest.exec(argv);
      if (exitCode !== 0) throw new Error(stderr);
      return Number(stdout);
    }

    it('finds the database where the guest sees it', async () => {
      await expect
        .poll(() => bench.ports.processes.sqliteFiles(of.cgroup), { timeout: 60_000 })
        .toMatchObject([{ name: '/data/app.db' }]);
      expect(await path()).toMatch(/^\/var\/lib\/docker\/volumes\/engines_sqlite-data\/_data\/app\.db$/);
      expect(await count()).toBeGreaterThan(0);
    });

    it('finds one in a container without a volume too, and checkpoints it there', async () => {
      const statements = 'PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1);';
      const script = `{ echo '${statements}'; sleep infinity; } | sqlite3 /tmp/inner.db`;
      const inner = await bench.run('inner', 'tacet-lab/writer:1', 'sh', '-c', script);
      const path: unknown = expect.stringMatching(
        /^\/var\/lib\/docker\/overlay2\/\w+\/merged\/tmp\/inner\.db$/,
      );
      await expect
        .poll(() => bench.ports.processes.sqliteFiles(inner.cgroup), { timeout: 20_000 })
        .toEqual([{ name: '/tmp/inner.db', path }]);
      const [opened] = await bench.ports.processes.sqliteFiles(inner.cgroup);
      // It is open before anything is in it.
      const hasWritten = () => bench.guest.exec(['test', '-s', `${opened?.path}-wal`]);
      await expect.poll(hasWritten, { timeout: 20_000 }).toMatchObject({ exitCode: 0 });
      const method = new SqliteMethod(inner, bench.ports, {}, guest);
      expect((await method.prepare(within(10_000))).bytesFlushed).toBeGreaterThan(0);
      await method.close();
    });

    it('is checkpointed while its application writes, and its files stay the application’s', async () => {
      const method = new SqliteMethod(of, bench.ports, {}, guest);
      const found = await method.discover(within(10_000));
      expect(found).toMatchObject({ engine: 'SQLite, 1 database', notes: [] });
      const before = await count();
      const startedMs = performance.now();
      const flush = await method.prepare(within(10_000));
      console.log(
        `sqlite: ${flush.bytesFlushed} bytes checkpointed in ${(performance.now() - startedMs).toFixed(1)} ms`,
      );
      expect(flush.bytesFlushed).toBeGreaterThan(0);
      await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(before);
      const owners = await Promise.all(
        ['', '-wal', '-shm'].map(async (suffix) => (await stat(`${root}${await path()}${suffix}`)).uid),
      );
      expect(new Set(owners).size).toBe(1);
      expect(owners[0]).toBeGreaterThan(100_000);
      await method.close();
    });

    it('stands still while it is locked, and goes on after that', async () => {
      const method = new SqliteMethod(of, bench.ports, {}, guest);
      await method.prepare(within(10_000));
      const startedMs = performance.now();
      await method.lock.hold(30_000, within(10_000));
      console.log(`sqlite: locked after ${(performance.now() - startedMs).toFixed(1)} ms`);
      const held = await count();
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(await count()).toBe(held);
      expect(await method.lock.isHeld(within(5_000))).toBe(true);
      await method.lock.thaw(within(5_000));
      await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(held);
      expect(await method.lock.isHeld(within(5_000))).toBe(false);
      await method.close();
    });
  },
);
