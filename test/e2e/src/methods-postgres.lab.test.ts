import type { ExecRequest } from '@tacet/agent/src/engine/engine.ts';
import type { MethodPorts, MethodTarget } from '@tacet/agent/src/methods/method.ts';
import { PostgresMethod } from '@tacet/agent/src/methods/postgres.ts';
import { labObstacle } from '@tacet/lab';
import { describeError, systemClock } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MethodsGuest, openMethodsGuest } from './methods-guest.ts';

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

describe.skipIf(obstacle !== undefined)(
  `the method of PostgreSQL${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let bench: MethodsGuest;
    let of: MethodTarget;
    beforeAll(async () => {
      bench = await openMethodsGuest(143, { name: 'engines', services: ['postgres'] });
      of = await bench.target('engines', 'postgres');
    });
    afterAll(() => bench?.[Symbol.asyncDispose]());

    /** As an application would, and without the mark of a method. */
    const sql = (text: string): Promise<string> =>
      bench.inContainer(of, ['psql', '-U', 'app', '-d', 'app', '-XAtqc', text], 'postgres');

    const clients = async (): Promise<number> =>
      (await bench.ports.processes.list(of.cgroup)).filter(({ name }) => name === 'psql').length;

    /** The method in a container that was started with another environment, or has no such user. */
    const methodWith = (change: (request: ExecRequest) => ExecRequest): PostgresMethod => {
      const { engine } = bench.ports;
      const openSession: MethodPorts['engine']['openSession'] = (id, request, signal) =>
        engine.openSession(id, change(request), signal);
      const changed = new Proxy(engine, {
        get: (real, name) => (name === 'openSession' ? openSession : Reflect.get(real, name, real)),
      });
      return new PostgresMethod(of, { ...bench.ports, engine: changed }, {});
    };
    const methodAs = (user: string): PostgresMethod =>
      methodWith((request) => ({ ...request, env: { ...request.env, POSTGRES_USER: user } }));

    it('makes a checkpoint, counts what it wrote, and leaves nothing behind', async () => {
      const method = new PostgresMethod(of, bench.ports, {});
      const found = await method.discover(within(10_000));
      expect(found).toEqual({
        engine: expect.stringMatching(/^PostgreSQL 17\.\d+$/),
        predictedHoldMs: null,
        notes: [],
      });
      await sql('CREATE TABLE IF NOT EXISTS lab AS SELECT generate_series(1, 100000) AS n');
      const startedMs = performance.now();
      const flush = await method.prepare(within(30_000));
      console.log(`prepared in ${Math.round(performance.now() - startedMs)} ms: ${JSON.stringify(flush)}`);
      expect(flush.bytesFlushed).toBeGreaterThan(1_000_000);
      expect(flush.behindSince).toBeNull();
      expect(method.lock).toBeUndefined();
      const times: number[] = [];
      for (let count = 0; count < 50; count += 1) {
        const from = performance.now();
        await method.probe?.(within(5_000));
        times.push(performance.now() - from);
      }
      console.log(`a probe takes ${times.toSorted((a, b) => a - b)[25]?.toFixed(2)} ms (median of 50)`);
      expect(await clients()).toBe(2);
      await method.close();
      await expect.poll(clients, { timeout: 10_000 }).toBe(0);
    });

    it('keeps its sessions through a freeze, in which the probe hangs', async () => {
      const method = new PostgresMethod(of, bench.ports, {});
      await method.prepare(within(30_000));
      await bench.ports.freezer.freeze(of.cgroup, within(2_000));
      const from = performance.now();
      const probe = method.probe?.(within(30_000)).then(() => performance.now() - from);
      await systemClock.sleep(1_500);
      await bench.ports.freezer.thaw(of.cgroup, within(2_000));
      expect(await probe).toBeGreaterThan(1_400);
      await method.prepare(within(30_000));
      await method.close();
    });

    it('gives up a server that hangs when it is told to, and ends its clients', async () => {
      const method = new PostgresMethod(of, bench.ports, {});
      await method.discover(within(10_000));
      const server = (await bench.ports.processes.list(of.cgroup)).filter(({ name }) => name === 'postgres');
      expect(server.length).toBeGreaterThan(3);
      for (const { pid } of server) process.kill(pid, 'SIGSTOP');
      try {
        const reason = new Error('enough');
        const enough = new AbortController();
        setTimeout(() => enough.abort(reason), 2_000);
        await expect(method.prepare(enough.signal)).rejects.toBe(reason);
        await method.close();
        await expect.poll(clients, { timeout: 15_000 }).toBe(0);
      } finally {
        for (const { pid } of server) process.kill(pid, 'SIGCONT');
      }
      const again = new PostgresMethod(of, bench.ports, {});
      await again.prepare(within(30_000));
      await again.close();
    });

    it('says what the server said when it is not let in', async () => {
      const method = methodAs('nobody-here');
      const failure = await method.discover(within(15_000)).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'prepare-failed',
        hint: expect.stringContaining('POSTGRES_USER'),
      });
      expect(describeError(failure)).toContain('role "nobody-here" does not exist');
      await method.close();
    });

    it('knows whether its role may make a checkpoint', async () => {
      await sql('CREATE ROLE lowly LOGIN');
      const refused = methodAs('lowly');
      expect((await refused.discover(within(15_000))).notes).toEqual([
        'role lowly may not CHECKPOINT: a restored copy takes longer to recover',
      ]);
      await expect(refused.prepare(within(15_000))).rejects.toMatchObject({
        code: 'prepare-failed',
        hint: expect.stringContaining('GRANT pg_checkpoint'),
      });
      await refused.probe?.(within(5_000));
      await refused.close();
      await sql('GRANT pg_checkpoint TO lowly');
      const granted = methodAs('lowly');
      expect((await granted.discover(within(15_000))).notes).toEqual([]);
      expect((await granted.prepare(within(15_000))).bytesFlushed).not.toBeNull();
      await granted.close();
    });

    it('says since when something may be missing where commits do not wait for the log', async () => {
      await sql('ALTER ROLE lowly IN DATABASE app SET synchronous_commit = off');
      try {
        const method = new PostgresMethod(of, bench.ports, {});
        expect((await method.discover(within(15_000))).notes).toEqual([
          'synchronous_commit is off for lowly in app: what was acknowledged in the last 600 ms may be missing',
        ]);
        const from = Date.now();
        expect((await method.prepare(within(15_000))).behindSince).toBeGreaterThanOrEqual(from);
        await method.close();
      } finally {
        await sql('ALTER ROLE lowly IN DATABASE app RESET synchronous_commit');
      }
    });

    it('says so where the container has no shell to start a client with', async () => {
      const method = methodWith((request) => ({ ...request, argv: ['no-such-shell'] }));
      const failure = await method.discover(within(15_000)).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'prepare-failed' });
      expect(describeError(failure)).toMatch(/OCI runtime exec failed: .*no-such-shell/);
      await method.close();
    });

    it("goes in as the image's own user where the image has no user postgres", async () => {
      const method = methodWith((request) =>
        request.user === undefined ? request : { ...request, user: 'nobody-here' },
      );
      expect((await method.prepare(within(15_000))).bytesFlushed).not.toBeNull();
      await method.close();
    });
  },
);
