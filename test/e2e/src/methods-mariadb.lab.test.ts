import type { ExecRequest, ExecSession } from '@tacet/agent/src/engine/engine.ts';
import { inheritedMariaDbLock, MariaDbMethod } from '@tacet/agent/src/methods/mariadb.ts';
import type { MethodPorts, MethodTarget } from '@tacet/agent/src/methods/method.ts';
import { MySqlMethod } from '@tacet/agent/src/methods/mysql.ts';
import { labObstacle } from '@tacet/lab';
import { describeError, systemClock } from '@tacet/runtime';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type MethodsGuest, openMethodsGuest } from './methods-guest.ts';

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

const tables = { innodb: 'InnoDB', aria: 'Aria', myisam: 'MyISAM' };
type Table = keyof typeof tables;
const tableNames = Object.keys(tables) as Table[];

/** Longer than a lock waits. */
const longSeconds = 8;

async function expectBlocked({ returned }: { returned: Set<Table> }, ms = 500): Promise<void> {
  await systemClock.sleep(ms);
  expect([...returned]).toEqual([]);
}

/** What was measured, smallest first, in a few words. */
function spread(values: readonly number[]): string {
  return `median ${values[Math.floor(values.length / 2)]?.toFixed(1)} ms, longest ${values.at(-1)?.toFixed(1)} ms`;
}

describe.skipIf(obstacle !== undefined)(
  `the method of MariaDB and MySQL${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let bench: MethodsGuest;
    let of: MethodTarget;
    const open: Application[] = [];

    beforeAll(async () => {
      bench = await openMethodsGuest(142, { name: 'engines', services: ['mariadb'] });
      of = await bench.target('engines', 'mariadb');
      const application = await connect();
      await application.run('CREATE DATABASE lab;');
    });
    afterAll(() => bench?.[Symbol.asyncDispose]());

    beforeEach(async () => {
      const application = await connect();
      for (const [name, engine] of Object.entries(tables)) {
        const columns = 'id INT PRIMARY KEY AUTO_INCREMENT, v INT, KEY (v)';
        await application.run(`CREATE OR REPLACE TABLE lab.${name} (${columns}) ENGINE=${engine};`);
        await application.run(`INSERT INTO lab.${name} (v) VALUES (1);`);
      }
    });
    afterEach(async () => {
      for (const application of open.splice(0)) await application.close();
    });

    /** A connection of somebody else's: without the mark of a method. */
    interface Application {
      run: (statement: string, ms?: number) => Promise<string[]>;
      close: () => Promise<void>;
    }
    async function connect(): Promise<Application> {
      const client = 'exec mariadb --user=root --batch --skip-column-names --unbuffered --force 2>&1';
      const request = { argv: ['sh', '-c', client], env: { MYSQL_PWD: 'battery-horse' } };
      const session = await bench.ports.engine.openSession(of.container.id, request, within(15_000));
      const application: Application = {
        run: async (statement, ms = 30_000) => {
          const lines = await session.ask(
            `${statement}\nSELECT 'end';`,
            (line) => line === 'end',
            within(ms),
          );
          return lines.slice(0, -1);
        },
        close: async () => await session[Symbol.asyncDispose](),
      };
      open.push(application);
      return application;
    }

    /** Sends a write to each kind of table, and does not wait. */
    async function startWrites(): Promise<Record<Table, Promise<string[]>> & { returned: Set<Table> }> {
      const returned = new Set<Table>();
      const writes = await Promise.all(
        tableNames.map(async (name) => {
          const application = await connect();
          const write = application.run(`INSERT INTO lab.${name} (v) VALUES (2);`, 60_000);
          void write.then(() => returned.add(name));
          return [name, write] as const;
        }),
      );
      return { ...(Object.fromEntries(writes) as Record<Table, Promise<string[]>>), returned };
    }
    async function expectFlowing(): Promise<void> {
      const { innodb, aria, myisam } = await startWrites();
      expect(await Promise.all([innodb, aria, myisam])).toEqual([[], [], []]);
    }

    const clients = async (): Promise<number> =>
      (await bench.ports.processes.list(of.cgroup)).filter(({ name }) => name === 'mariadb').length;

    /** The method in a container with another environment, or whose server answers otherwise. */
    function portsWith(
      change: (request: ExecRequest) => ExecRequest,
      rewrite: (text: string) => string = (text) => text,
    ): MethodPorts {
      const { engine } = bench.ports;
      const openSession: MethodPorts['engine']['openSession'] = async (id, request, signal) => {
        const session = await engine.openSession(id, change(request), signal);
        return {
          ask: (text, isLast, asked) => session.ask(rewrite(text), isLast, asked),
          [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
        } satisfies ExecSession;
      };
      const changed = new Proxy(engine, {
        get: (real, name) => (name === 'openSession' ? openSession : Reflect.get(real, name, real)),
      });
      return { ...bench.ports, engine: changed };
    }
    const withEnv = (env: Record<string, string>): MethodPorts =>
      portsWith((request) => ({ ...request, env: { ...request.env, ...env } }));
    /** As an older MariaDB and MySQL do: this statement is no SQL to them. */
    const withoutStages = (): MethodPorts =>
      portsWith(
        (request) => request,
        (text) => text.replace('BACKUP STAGE', 'BACKUP STAJE'),
      );

    /** A statement that runs on for as long as told; resolves when it has begun. */
    async function startLong(statement: string): Promise<{ ended: Promise<unknown> }> {
      const application = await connect();
      const watcher = await connect();
      const ended = application.run(statement, 60_000);
      await expect
        .poll(() =>
          watcher.run("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep';"),
        )
        .toEqual(['1']);
      return { ended };
    }

    describe.each([
      ['BACKUP STAGE', () => bench.ports, MariaDbMethod],
      ['a server without BACKUP STAGE', withoutStages, MySqlMethod],
    ])('by %s', (_name, portsOf, Method) => {
      it('holds every kind of table, also through a freeze, until it is thawed', async () => {
        const method = new Method(of, portsOf(), {});
        const found = await method.discover(within(15_000));
        expect(found.engine).toMatch(/^MariaDB 11\.\d+\.\d+$/);
        expect(found.notes.slice(0, 2)).toEqual(['Aria tables: lab.aria', 'MyISAM tables: lab.myisam']);
        await method.prepare(within(30_000));
        const heldMs = performance.now();
        await method.lock.hold(30_000, within(10_000));
        console.log(`${found.notes.at(-1)}: held after ${(performance.now() - heldMs).toFixed(1)} ms`);
        const writes = await startWrites();
        await expectBlocked(writes);
        expect(await method.lock.isHeld(within(2_000))).toBe(true);
        // Closed, as after a shutdown: nothing to repair in a copy.
        const check = ['myisamchk', '--check', '/var/lib/mysql/lab/myisam.MYI'];
        expect(await bench.inContainer(of, ['sh', '-c', `${check.join(' ')} 2>&1`])).not.toMatch(
          /warning|error/i,
        );
        await bench.ports.freezer.freeze(of.cgroup, within(2_000));
        await method.lock.renew(30_000, within(2_000));
        await systemClock.sleep(2_500);
        await bench.ports.freezer.thaw(of.cgroup, within(2_000));
        expect(await method.lock.isHeld(within(2_000))).toBe(true);
        await expectBlocked(writes);
        await method.probe?.(within(2_000));
        const thawMs = performance.now();
        await method.lock.thaw(within(5_000));
        console.log(`thawed after ${(performance.now() - thawMs).toFixed(1)} ms`);
        expect(await Promise.all([writes.innodb, writes.aria, writes.myisam])).toEqual([[], [], []]);
        expect(await method.lock.isHeld(within(2_000))).toBe(false);
        await method.lock.thaw(within(5_000));
        // It can be taken again, and closing leaves nothing behind.
        await method.lock.hold(30_000, within(10_000));
        await method.lock.thaw(within(5_000));
        for (const application of open.splice(0)) await application.close();
        await method.close();
        await expect.poll(clients, { timeout: 10_000 }).toBe(0);
      });

      it('is not held any more when its client was killed, and writes go on', async () => {
        const method = new Method(of, portsOf(), {});
        await method.prepare(within(30_000));
        await method.lock.hold(30_000, within(10_000));
        const writes = await startWrites();
        await expectBlocked(writes);
        await bench.ports.processes.killMarked(of.cgroup, 'TACET_HOLD', within(5_000));
        expect(await Promise.all([writes.innodb, writes.aria, writes.myisam])).toEqual([[], [], []]);
        expect(await method.lock.isHeld(within(2_000))).toBe(false);
        await method.lock.thaw(within(5_000));
        await method.close();
      });

      it('is released by itself when the connection to its client is gone, as when the agent dies', async () => {
        const method = new Method(of, portsOf(), {});
        await method.prepare(within(30_000));
        await method.lock.hold(30_000, within(10_000));
        const writes = await startWrites();
        await expectBlocked(writes);
        await method.close();
        expect(await Promise.all([writes.innodb, writes.aria, writes.myisam])).toEqual([[], [], []]);
      });

      it('is thawed by a fresh process from its record alone', async () => {
        const dead = new Method(of, portsOf(), {});
        await dead.prepare(within(30_000));
        await dead.lock.hold(30_000, within(10_000));
        const writes = await startWrites();
        await expectBlocked(writes);
        await inheritedMariaDbLock(dead.lock.record, bench.ports, 0).thaw(within(5_000));
        expect(await Promise.all([writes.innodb, writes.aria, writes.myisam])).toEqual([[], [], []]);
        // Nor does it mind that there is nothing to thaw.
        await inheritedMariaDbLock(dead.lock.record, bench.ports, 0).thaw(within(5_000));
        await dead.close();
      });

      it('gives up behind a running MyISAM UPDATE, names it without its values, and locks nothing', async () => {
        const method = new Method(of, portsOf(), {});
        await method.prepare(within(30_000));
        const long = await startLong(
          `UPDATE lab.myisam SET v = v + SLEEP(${longSeconds}) WHERE 'secret' <> 'x';`,
        );
        const startedMs = performance.now();
        const failure = await method.lock.hold(30_000, within(20_000)).catch((error: unknown) => error);
        const tookMs = performance.now() - startedMs;
        expect(failure).toMatchObject({ code: 'hold-failed', retryable: true });
        expect(describeError(failure)).toMatch(
          /^its lock was not granted within 2000 ms; running for longest: statement \d+ of root, for \d+ s: UPDATE lab\.myisam SET v = v \+ SLEEP\( …/,
        );
        expect(describeError(failure)).not.toContain('secret');
        expect(tookMs).toBeGreaterThan(1_900);
        // Nothing is left of it while that statement still runs.
        const other = await connect();
        expect(await other.run('INSERT INTO lab.innodb (v) VALUES (3);', 3_000)).toEqual([]);
        expect(await other.run('BACKUP STAGE START; BACKUP STAGE END;', 3_000)).toEqual([]);
        expect(await method.lock.isHeld(within(2_000))).toBe(false);
        await long.ended;
        await method.lock.hold(30_000, within(10_000));
        await method.lock.thaw(within(5_000));
        await method.close();
      });

      it('that is given up on while it waits leaves no lock and no client', async () => {
        const method = new Method(of, portsOf(), {});
        await method.prepare(within(30_000));
        const long = await startLong(`UPDATE lab.myisam SET v = v + SLEEP(${longSeconds});`);
        const reason = new Error('enough');
        const enough = new AbortController();
        setTimeout(() => enough.abort(reason), 500);
        await expect(method.lock.hold(30_000, enough.signal)).rejects.toBe(reason);
        const other = await connect();
        expect(await other.run('INSERT INTO lab.innodb (v) VALUES (3);', 4_000)).toEqual([]);
        expect(await method.lock.isHeld(within(2_000))).toBe(false);
        await long.ended;
        await method.close();
      });
    });

    it('is quick while everybody writes', async () => {
      const method = new MariaDbMethod(of, bench.ports, {});
      await method.prepare(within(30_000));
      const ending = new AbortController();
      const writers = await Promise.all(
        tableNames.map(async (name) => {
          const application = await connect();
          const gapsMs: number[] = [];
          const run = async (): Promise<number[]> => {
            for (let lastMs = performance.now(); !ending.signal.aborted; lastMs = performance.now()) {
              await application.run(`INSERT INTO lab.${name} (v) VALUES (2);`);
              gapsMs.push(performance.now() - lastMs);
            }
            return gapsMs.toSorted((one, other) => one - other);
          };
          return { name, running: run() };
        }),
      );
      const held: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        await systemClock.sleep(100);
        const startedMs = performance.now();
        await method.lock.hold(30_000, within(10_000));
        held.push(performance.now() - startedMs);
        await method.lock.thaw(within(5_000));
      }
      ending.abort();
      console.log(`20 holds under load: ${spread(held.toSorted((one, other) => one - other))}`);
      for (const { name, running } of writers) console.log(`${name}: a write takes ${spread(await running)}`);
      await method.close();
      expect(held).toHaveLength(20);
    });

    it.each([
      ['a SELECT', `SELECT SUM(SLEEP(${longSeconds})) FROM lab.innodb;`],
      ['a SELECT of MyISAM', `SELECT SUM(SLEEP(${longSeconds})) FROM lab.myisam;`],
      ['an UPDATE of InnoDB', `UPDATE lab.innodb SET v = v + SLEEP(${longSeconds});`],
      ['an UPDATE of Aria', `UPDATE lab.aria SET v = v + SLEEP(${longSeconds});`],
    ])('by BACKUP STAGE does not wait for %s that runs', async (_name, statement) => {
      const method = new MariaDbMethod(of, bench.ports, {});
      const long = await startLong(statement);
      await method.prepare(within(30_000));
      const startedMs = performance.now();
      await method.lock.hold(30_000, within(10_000));
      const tookMs = performance.now() - startedMs;
      console.log(`held after ${tookMs.toFixed(1)} ms behind: ${statement}`);
      // What it would wait for runs much longer.
      expect(tookMs).toBeLessThan(2_000);
      expect(await method.lock.isHeld(within(2_000))).toBe(true);
      await method.lock.thaw(within(5_000));
      await long.ended;
      await method.close();
    });

    it('keeps in a copy what a lazy InnoDB acknowledged without writing it', async () => {
      const application = await connect();
      await application.run('SET GLOBAL innodb_flush_log_at_timeout = 600;');
      await application.run('SET GLOBAL innodb_flush_log_at_trx_commit = 0;');
      const source = of.container.mounts.find(({ target }) => target === '/var/lib/mysql')?.source ?? '';
      const method = new MariaDbMethod(of, bench.ports, {});
      try {
        expect(await method.prepare(within(30_000))).toMatchObject({ behindSince: null });
        for (let n = 0; n < 100; n += 1) await application.run('INSERT INTO lab.innodb (v) VALUES (4);');
        await method.lock.hold(30_000, within(10_000));
        await bench.ports.freezer.freeze(of.cgroup, within(2_000));
        await guest(['cp', '-a', source, '/root/copy']);
        await bench.ports.freezer.thaw(of.cgroup, within(2_000));
        await method.lock.thaw(within(5_000));
      } finally {
        await bench.ports.freezer.thaw(of.cgroup, within(2_000));
        await application.run('SET GLOBAL innodb_flush_log_at_trx_commit = 1;');
        await application.run('SET GLOBAL innodb_flush_log_at_timeout = 1;');
        await method.close();
      }
      await guest([
        'docker',
        'run',
        '--detach',
        '--name',
        'copy',
        '--volume',
        '/root/copy:/var/lib/mysql',
        'mariadb:11',
      ]);
      const count = 'SELECT COUNT(*) FROM lab.innodb WHERE v = 4';
      const argv = ['mariadb', '--user=root', '--password=battery-horse', '-BNe', count];
      await expect
        .poll(async () => (await bench.guest.exec(['docker', 'exec', 'copy', ...argv])).stdout.trim(), {
          timeout: 60_000,
          interval: 500,
        })
        .toBe('100');
      await guest(['docker', 'rm', '--force', 'copy']);
    });
    async function guest(argv: readonly string[]): Promise<void> {
      const { exitCode, stderr } = await bench.guest.exec(argv, { timeoutMs: 60_000 });
      if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
    }

    it('gives up a server that hangs when it is told to, and ends its clients', async () => {
      const method = new MariaDbMethod(of, bench.ports, {});
      await method.discover(within(15_000));
      for (const application of open.splice(0)) await application.close();
      const [server] = (await bench.ports.processes.list(of.cgroup)).filter(
        ({ name }) => name === 'mariadbd',
      );
      if (!server) throw new Error('no server');
      process.kill(server.pid, 'SIGSTOP');
      try {
        const enough = new AbortController();
        const reason = new Error('enough');
        setTimeout(() => enough.abort(reason), 1_000);
        await expect(method.prepare(enough.signal)).rejects.toBe(reason);
        await method.close();
        await expect.poll(clients, { timeout: 15_000 }).toBe(0);
      } finally {
        process.kill(server.pid, 'SIGCONT');
      }
      await expectFlowing();
    });

    it('says what the server said when its password is wrong, and not which one was tried', async () => {
      const method = new MariaDbMethod(of, withEnv({ MARIADB_ROOT_PASSWORD: 'guess-me' }), {});
      const failure = await method.discover(within(15_000)).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'prepare-failed',
        hint: expect.stringContaining('MARIADB_ROOT_PASSWORD'),
      });
      expect(describeError(failure)).toContain("Access denied for user 'root'@'localhost'");
      expect(JSON.stringify([describeError(failure), failure])).not.toContain('guess-me');
      await method.close();
    });

    it("says what is missing where only the application's user can be had", async () => {
      const application = await connect();
      await application.run('CREATE OR REPLACE TABLE app.own (v INT) ENGINE=MyISAM;');
      const env = { MARIADB_ROOT_PASSWORD_FILE: '', MARIADB_USER: 'app', MARIADB_PASSWORD: 'paper-clip' };
      const method = new MariaDbMethod(of, withEnv(env), {});
      expect((await method.discover(within(15_000))).notes).toEqual([
        'MyISAM tables: app.own',
        'the user has no RELOAD privilege: there is no lock',
      ]);
      await expect(method.lock.hold(30_000, within(10_000))).rejects.toMatchObject({
        code: 'hold-failed',
        hint: expect.stringContaining('GRANT RELOAD'),
      });
      await method.close();
      await application.run('DROP TABLE app.own;');
    });

    it('has no password in any process list', async () => {
      const method = new MariaDbMethod(of, bench.ports, {});
      await method.prepare(within(30_000));
      const listed = await bench.inContainer(of, ['ps', '-eo', 'args']);
      expect(listed).toContain('mariadb --user=root');
      expect(listed).not.toContain('battery-horse');
      await method.close();
    });
  },
);
