import type { MethodTarget } from '@tacet/agent/src/methods/method.ts';
import { inheritedRedisLock, RedisMethod } from '@tacet/agent/src/methods/redis.ts';
import { RedisClient } from '@tacet/agent/src/methods/redis-client.ts';
import { labObstacle } from '@tacet/lab';
import { systemClock } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MethodsGuest, openMethodsGuest } from './methods-guest.ts';

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

describe.skipIf(obstacle !== undefined)(
  `the method of Redis and Valkey${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let bench: MethodsGuest;
    beforeAll(async () => {
      const services = ['redis-rdb', 'redis-aof', 'valkey'];
      bench = await openMethodsGuest(141, { name: 'engines', services });
    });
    afterAll(() => bench?.[Symbol.asyncDispose]());

    const target = (service: string): Promise<MethodTarget> => bench.target('engines', service);

    /** Writes as fast as it is acknowledged, one key after another, until it is stopped. */
    async function startWriter(of: MethodTarget, key: string) {
      const client = await RedisClient.open(bench.ports, of.container, within(10_000), { marked: false });
      const ending = new AbortController();
      let acknowledged = 0;
      let longestGapMs = 0;
      const run = async (): Promise<void> => {
        let lastMs = performance.now();
        while (!ending.signal.aborted) {
          await client.ask([`SET ${key}:${acknowledged + 1} ${'x'.repeat(100)}`], within(60_000));
          acknowledged += 1;
          longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
          lastMs = performance.now();
        }
      };
      const running = run();
      return {
        acknowledged: () => acknowledged,
        async flows() {
          const before = acknowledged;
          await expect.poll(() => acknowledged, { timeout: 20_000 }).toBeGreaterThan(before + 5);
        },
        /** What was acknowledged on its way gets the first moment. */
        async standsStill(ms = 300) {
          await systemClock.sleep(50);
          const before = acknowledged;
          await systemClock.sleep(ms);
          expect(acknowledged).toBe(before);
        },
        async stop() {
          ending.abort();
          await running;
          await client[Symbol.asyncDispose]();
          return { acknowledged, longestGapMs: Math.round(longestGapMs) };
        },
      };
    }

    /** What a server makes of the files as they are now: the value of DBSIZE-like questions about `key:*`. */
    async function copyFiles(of: MethodTarget): Promise<void> {
      await bench.inContainer(of, ['sh', '-c', 'rm -rf /tmp/copy && cp -a /data /tmp/copy']);
    }
    async function keysInCopy(of: MethodTarget, key: string): Promise<number> {
      const script = `
        for kind in redis valkey; do command -v $kind-server >/dev/null && tried=$kind; [ "$1" = $kind ] && break; done
        $tried-server --port 7999 --dir /tmp/copy --appendonly "$2" --daemonize yes >/dev/null
        until [ "$($tried-cli -p 7999 PING 2>/dev/null)" = PONG ]; do sleep 0.1; done
        $tried-cli -p 7999 --raw EVAL "return #redis.call('KEYS', ARGV[1])" 0 "$3"
        $tried-cli -p 7999 SHUTDOWN NOSAVE`;
      const kind = of.service === 'valkey' ? 'valkey' : 'redis';
      const appendOnly = of.service === 'redis-rdb' ? 'no' : 'yes';
      const argv = ['sh', '-c', script, 'sh', kind, appendOnly, `${key}:*`];
      return Number((await bench.inContainer(of, argv)).trim());
    }

    it.each([
      ['redis-rdb', /^Redis 8\.\d+\.\d+, dumps$/],
      ['redis-aof', /^Redis 8\.\d+\.\d+, append-only file$/],
      ['valkey', /^Valkey 8\.\d+\.\d+, append-only file$/],
    ])('holds %s, also through a freeze, and nothing acknowledged is missing', async (service, engine) => {
      const of = await target(service);
      const method = new RedisMethod(of, bench.ports, {});
      const found = await method.discover(within(10_000));
      expect(found.engine).toMatch(engine);
      const writer = await startWriter(of, `held-${service}`);
      await writer.flows();
      const flush = await method.prepare(within(30_000));
      expect(flush.behindSince).toBeNull();
      await writer.flows();
      const startedMs = performance.now();
      await method.lock.hold(30_000, within(10_000));
      const heldMs = performance.now() - startedMs;
      await writer.standsStill();
      const acknowledged = writer.acknowledged();
      expect(await method.lock.isHeld(within(2_000))).toBe(true);
      await copyFiles(of);
      await bench.ports.freezer.freeze(of.cgroup, within(2_000));
      await method.lock.renew(30_000, within(2_000));
      await systemClock.sleep(1_500);
      await bench.ports.freezer.thaw(of.cgroup, within(2_000));
      expect(await method.lock.isHeld(within(2_000))).toBe(true);
      const thawMs = performance.now();
      await method.lock.thaw(within(5_000));
      console.log(
        `${service}: ${found.notes.join('; ')} predicted ${flush.predictedHoldMs} ms, held after ${heldMs.toFixed(1)} ms, ` +
          `thawed after ${(performance.now() - thawMs).toFixed(1)} ms`,
      );
      await writer.flows();
      expect(await method.lock.isHeld(within(2_000))).toBe(false);
      await method.close();
      await writer.stop();
      expect(await keysInCopy(of, `held-${service}`)).toBe(acknowledged);
    });

    it('misses in a fast copy only what came after its dump began', async () => {
      const of = await target('redis-rdb');
      const method = new RedisMethod(of, bench.ports, { 'tacet.redis.dump': 'fast' });
      const writer = await startWriter(of, 'fast');
      await writer.flows();
      const before = writer.acknowledged();
      const beforeAt = Date.now();
      const flush = await method.prepare(within(30_000));
      expect(flush.behindSince).toBeGreaterThanOrEqual(beforeAt);
      await writer.flows();
      await method.lock.hold(30_000, within(10_000));
      await writer.standsStill();
      await copyFiles(of);
      const held = writer.acknowledged();
      await method.lock.thaw(within(5_000));
      await method.close();
      await writer.stop();
      const kept = await keysInCopy(of, 'fast');
      console.log(`fast: ${kept} of ${held} kept, ${before} were acknowledged before the dump`);
      expect(kept).toBeGreaterThanOrEqual(before);
      expect(kept).toBeLessThan(held);
    });

    it('stalls a client for little more than it holds', async () => {
      const of = await target('redis-aof');
      const holds: number[] = [];
      const writer = await startWriter(of, 'stall');
      for (let round = 0; round < 10; round += 1) {
        const method = new RedisMethod(of, bench.ports, {});
        await method.prepare(within(30_000));
        const startedMs = performance.now();
        await method.lock.hold(30_000, within(10_000));
        await method.lock.thaw(within(5_000));
        holds.push(Math.round(performance.now() - startedMs));
        await method.close();
      }
      const { longestGapMs } = await writer.stop();
      console.log(
        `hold and thaw at once: ${holds.join(', ')} ms; longest gap of the writer ${longestGapMs} ms`,
      );
      expect(longestGapMs).toBeLessThan(5_000);
    });

    it('is thawed by a fresh process, which ends the clients of the dead one', async () => {
      const of = await target('valkey');
      const writer = await startWriter(of, 'inherited');
      const dead = new RedisMethod(of, bench.ports, {});
      await dead.prepare(within(30_000));
      await dead.lock.hold(60_000, within(10_000));
      await writer.standsStill();
      await inheritedRedisLock(dead.lock.record, bench.ports, Date.now() + 60_000).thaw(within(10_000));
      await writer.flows();
      await writer.stop();
      await expect(dead.lock.isHeld(within(2_000))).rejects.toThrow('the client has ended');
      await dead.close();
    });

    it('cannot be held for longer than its lease, nor be believed after it', async () => {
      const of = await target('redis-aof');
      const writer = await startWriter(of, 'lease');
      const method = new RedisMethod(of, bench.ports, {});
      await method.lock.hold(1_000, within(10_000));
      await method.lock.renew(2_500, within(10_000));
      await writer.standsStill(1_500);
      await writer.flows();
      expect(await method.lock.isHeld(within(5_000))).toBe(false);
      await method.lock.thaw(within(5_000));
      await method.close();
      await writer.stop();
    });

    it('is not believed when somebody has ended the pause for a moment', async () => {
      const of = await target('valkey');
      const method = new RedisMethod(of, bench.ports, {});
      await method.lock.hold(30_000, within(10_000));
      await using other = await RedisClient.open(bench.ports, of.container, within(10_000));
      await other.ask(['CLIENT UNPAUSE'], within(5_000));
      await other.ask(['CLIENT PAUSE 30000 WRITE'], within(5_000));
      expect(await method.lock.isHeld(within(5_000))).toBe(false);
      await method.lock.thaw(within(5_000));
      await method.close();
    });

    describe('a server that is not where it usually is', () => {
      beforeAll(async () => {
        await bench.guest.writeFile('/opt/odd/redis.conf', 'port 7001\nrequirepass "of the file"\n');
        const made = await bench.guest.exec([
          'sh',
          '-c',
          'cd /opt/odd && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=odd && chmod 644 key.pem',
        ]);
        if (made.exitCode !== 0) throw new Error(made.stderr);
      });

      it.each<[string, string[]]>([
        ['conf', ['redis-server', '/etc/odd/redis.conf']],
        ['socket', ['redis-server', '--port', '0', '--unixsocket', '/tmp/redis.sock']],
        [
          'tls',
          [
            'redis-server',
            '--port',
            '0',
            '--tls-port',
            '6379',
            '--tls-cert-file',
            '/etc/odd/cert.pem',
            '--tls-key-file',
            '/etc/odd/key.pem',
            '--tls-ca-cert-file',
            '/etc/odd/cert.pem',
          ],
        ],
      ])('is found: %s', async (name, args) => {
        const method = new RedisMethod(
          await bench.run(name, '--volume=/opt/odd:/etc/odd:ro', 'redis:8', ...args),
          bench.ports,
          {},
        );
        const answers = async (): Promise<string | null> => {
          try {
            return (await method.discover(within(10_000))).engine;
          } catch (error) {
            return String(error);
          }
        };
        await expect.poll(answers, { timeout: 30_000, interval: 200 }).toMatch(/^Redis 8/);
        await method.lock.hold(30_000, within(10_000));
        expect(await method.lock.isHeld(within(5_000))).toBe(true);
        await method.lock.thaw(within(5_000));
        await method.close();
      });

      it('says so when nobody gave it the password', async () => {
        const of = await bench.target('odd', 'conf');
        const blind = { ...of, container: { ...of.container, command: ['redis-server', '--port', '7001'] } };
        const method = new RedisMethod(blind, bench.ports, {});
        await expect(method.prepare(within(10_000))).rejects.toMatchObject({
          message: 'PING: NOAUTH Authentication required.',
          hint: expect.stringContaining('REDIS_PASSWORD') as string,
        });
      });
    });
  },
);
