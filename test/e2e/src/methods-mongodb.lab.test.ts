import { readFile } from 'node:fs/promises';
import type { MethodTarget } from '@tacet/agent/src/methods/method.ts';
import { inheritedMongoLock, MongoMethod } from '@tacet/agent/src/methods/mongodb.ts';
import { labObstacle } from '@tacet/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MethodsGuest, openMethodsGuest } from './methods-guest.ts';

// Debian has no MongoDB: a real container, session and kill, and a client that only plays a server. Its replies are
// those of the manual, its prompts those of mongosh 2.6 without a terminal.

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);
const password = 's3cret \\ "quoted"';

const fakeMongosh = `#!/usr/bin/env node
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const { runInNewContext } = require('node:vm');
const file = '/tmp/locks';
const count = () => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);
const lock = (change) => {
  const lockCount = count() + change;
  if (lockCount < 0) throw new Error('fsyncUnlock called when not locked');
  writeFileSync(file, String(lockCount));
  return { ok: 1, lockCount };
};
let isIn = false;
const commands = {
  ping: () => ({ ok: 1 }),
  buildInfo: () => ({ ok: 1, version: '7.0.14' }),
  serverStatus: () => ({ ok: 1, storageEngine: { name: 'wiredTiger' } }),
  getCmdLineOpts: () => ({ ok: 1, parsed: {} }),
  currentOp: () => ({ ok: 1, inprog: [], ...(count() > 0 && { fsyncLock: true }) }),
  fsync: (command) => lock(command.lock ? 1 : 0),
  fsyncUnlock: () => lock(-1),
};
const db = {
  getSiblingDB: () => ({
    auth(user, given) {
      isIn = user === 'root' && given === process.env.EXPECTED_PASSWORD;
      if (!isIn) throw new Error('Authentication failed.');
    },
  }),
  adminCommand(command) {
    const [name] = Object.keys(command);
    if (!isIn) throw new Error('Command ' + name + ' requires authentication');
    return commands[name](command);
  },
};
const print = (line) => process.stdout.write(line + '\\n');
process.stdout.write('admin> ');
createInterface({ input: process.stdin })
  .on('line', (line) => {
    try {
      runInNewContext(line, { db, print });
    } catch (error) {
      print('Uncaught ' + error.message);
    }
    process.stdout.write('\\nadmin> ');
  })
  .on('close', () => process.exit());
`;

describe.skipIf(obstacle !== undefined)(
  `the method of MongoDB${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let bench: MethodsGuest;
    let of: MethodTarget;
    const start = (service: string, given: string): Promise<MethodTarget> =>
      bench.run(
        service,
        '--volume=/opt/mongo/mongosh:/usr/local/bin/mongosh:ro',
        `--volume=/opt/mongo/password:/run/secrets/mongo:ro`,
        `--env=EXPECTED_PASSWORD=${given}`,
        '--env=MONGO_INITDB_ROOT_USERNAME=root',
        '--env=MONGO_INITDB_ROOT_PASSWORD_FILE=/run/secrets/mongo',
        'tacet-lab/writer:1',
        'sleep',
        'infinity',
      );
    beforeAll(async () => {
      bench = await openMethodsGuest(144);
      await bench.guest.writeFile('/opt/mongo/mongosh', fakeMongosh, 0o755);
      await bench.guest.writeFile('/opt/mongo/password', `${password}\n`);
      of = await start('db', password);
    });
    afterAll(() => bench?.[Symbol.asyncDispose]());

    const locks = async (): Promise<number> =>
      Number(await bench.inContainer(of, ['sh', '-c', 'cat /tmp/locks 2>/dev/null || echo 0']));
    const clients = async (): Promise<number> => (await bench.ports.processes.list(of.cgroup)).length - 1;

    it('is asked, flushed, locked and unlocked through a kept client', async () => {
      const method = new MongoMethod(of, bench.ports, {});
      expect(await method.discover(within(20_000))).toEqual({
        engine: 'MongoDB 7.0.14, wiredTiger',
        predictedHoldMs: null,
        notes: ['untested on the real server'],
      });
      await method.prepare(within(20_000));
      await method.lock.hold(30_000, within(10_000));
      expect([await locks(), await method.lock.isHeld(within(5_000))]).toEqual([1, true]);
      for (const { pid } of await bench.ports.processes.list(of.cgroup)) {
        expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('s3cret');
      }
      await method.lock.thaw(within(10_000));
      expect([await locks(), await method.lock.isHeld(within(5_000))]).toEqual([0, false]);
      await method.close();
      await expect.poll(clients, { timeout: 10_000 }).toBe(0);
    });

    it('survives a freeze while it is locked', async () => {
      const method = new MongoMethod(of, bench.ports, {});
      await method.lock.hold(30_000, within(20_000));
      await bench.ports.freezer.freeze(of.cgroup, within(5_000));
      await new Promise((resolve) => setTimeout(resolve, 500));
      await bench.ports.freezer.thaw(of.cgroup, within(5_000));
      expect(await method.lock.isHeld(within(5_000))).toBe(true);
      await method.lock.thaw(within(10_000));
      expect(await locks()).toBe(0);
      await method.close();
    });

    it('is unlocked by a fresh process, which ends the client of the dead one', async () => {
      const dead = new MongoMethod(of, bench.ports, {});
      await dead.lock.hold(30_000, within(20_000));
      await inheritedMongoLock(dead.lock.record, bench.ports, 0).thaw(within(20_000));
      expect(await locks()).toBe(0);
      await expect(dead.lock.isHeld(within(5_000))).rejects.toThrow('the client has ended');
      await dead.close();
      await expect.poll(clients, { timeout: 10_000 }).toBe(0);
    });

    it('says what to do when it is not let in', async () => {
      const other = await start('other', 'another one');
      const method = new MongoMethod(other, bench.ports, {});
      await expect(method.discover(within(20_000))).rejects.toMatchObject({
        code: 'prepare-failed',
        hint: expect.stringContaining('MONGO_INITDB_ROOT_USERNAME') as string,
      });
      await method.close();
    });
  },
);
