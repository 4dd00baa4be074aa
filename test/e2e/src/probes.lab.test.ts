import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { installAgent } from '@tacet/demo';
import {
  type AckCollector,
  type Guest,
  type Lab,
  labObstacle,
  openAckCollector,
  openLab,
  startStack,
  streamsOf,
  volumePath,
} from '@tacet/lab';
import { type Condition, statusSchema } from '@tacet/protocol';
import { systemClock } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { z } from 'zod';

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);
const patienceMs = 120_000;
/** Those that can look through their own files. */
const checked = ['mariadb', 'postgres', 'redis-aof', 'redis-rdb', 'sqlite', 'valkey'];
const pageBytes = 8_192;

const checksSchema = z.array(
  z.object({
    stack: z.string(),
    service: z.string(),
    looked: z.array(z.string()),
    findings: z.array(z.object({ marker: z.string(), found: z.string() })),
    trouble: z.string().optional(),
  }),
);

describe.skipIf(obstacle !== undefined)(
  `real containers that are asked${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let lab: Lab;
    let guest: Guest;
    let collector: AckCollector;

    beforeAll(async () => {
      lab = cleanup.use(await openLab({ signal: within(1_700_000) }));
      collector = cleanup.use(await openAckCollector({ file: join(lab.scratchDirectory, 'acks.jsonl') }));
      guest = await lab.createGuest({ vmid: 149, hostname: 'probes', memoryMb: 4096 });
      await installAgent(guest);
      await guest.start();
      await guest.waitForEngine(within(patienceMs));
      await startStack(guest, undefined, 'engines');
      await inGuest('systemctl', 'enable', '--now', '--quiet', 'tacet-agent');
      await until('DatabasesAccepting', ({ status }) => status === 'True');
    });
    afterAll(() => cleanup.disposeAsync());

    it('say by label that they are ready, and by each probe what is in the way', async () => {
      await probed('web', ['nginx:1'], {
        'tacet.ready.tcp': '80',
        'tacet.ready.http': '80/',
        'tacet.ready.exec': 'test -e /tmp/warm || { echo no index yet >&2; exit 3; }',
      });
      const cold = await until('ServicesHealthy', ({ reason }) => reason === 'ProbeFails');
      expect(cold.message).toContain('odd/web: exec: exit code 3: no index yet');
      expect(cold.message).not.toMatch(/tcp 80|http 80/);
      await inContainer('odd-web', 'touch /tmp/warm');
      const warm = await until('ServicesHealthy', ({ status }) => status === 'True');
      expect(warm.message).toContain('3 probes by label succeed');

      const broken = "require('node:http').createServer((_, it) => it.writeHead(503).end()).listen(80)";
      await probed('broken', ['--entrypoint=node', 'tacet-lab/writer:1', '-e', broken], {
        'tacet.ready.tcp': '4444',
        'tacet.ready.http': '80/',
      });
      const failing = await until('ServicesHealthy', ({ message }) => message.includes('it answers 503'));
      expect(failing.message).toMatch(/odd\/broken: tcp 4444: .*ECONNREFUSED/);
      await inGuest('docker', 'rm', '--force', 'odd-broken');
      await until('ServicesHealthy', ({ status }) => status === 'True');
    });

    it('that hang are given up in their time, and nothing of the command stays in the container', async () => {
      const silent = "require('node:net').createServer(() => undefined).listen(81)";
      await probed('silent', ['--entrypoint=node', 'tacet-lab/writer:1', '-e', silent], {
        'tacet.ready.http': '81/',
        // A child and a grandchild, which a kill of the first process alone would leave.
        'tacet.ready.exec': "date >> /tmp/asked; sh -c 'sleep 4321 & sleep 4321'; true",
        'tacet.ready.timeout': '1s',
      });
      const hanging = await until('ServicesHealthy', ({ message }) => message.includes('odd/silent'));
      expect(hanging.message).toMatch(/http 81\/: .*took longer than 1000 ms/);
      expect(hanging.message).toMatch(/exec: .*took longer than 1000 ms/);
      const before = await asked();
      await expect.poll(asked, { timeout: patienceMs, interval: 1_000 }).toBeGreaterThanOrEqual(before + 3);
      await inGuest('systemctl', 'stop', 'tacet-agent');
      await expect.poll(() => sleeping('odd-silent'), { timeout: 15_000, interval: 500 }).toBe(0);
      await inGuest('docker', 'rm', '--force', 'odd-silent');
      await inGuest('systemctl', 'start', 'tacet-agent');
      await until('ServicesHealthy', ({ status }) => status === 'True');
    });

    it('and are databases, take work by their image alone; one that hangs does not, until it goes on', async () => {
      const all = await until('DatabasesAccepting', ({ status }) => status === 'True');
      expect(all.message).toBe('5 databases accept work');
      const frozen = ['postgres', 'mariadb', 'redis-rdb', 'valkey'];
      for (const service of frozen) await inGuest('docker', 'kill', '--signal=STOP', `engines-${service}-1`);
      const hanging = await until('DatabasesAccepting', ({ message }) =>
        frozen.every((service) => message.includes(`engines/${service}: `)),
      );
      expect(hanging).toMatchObject({ status: 'False', reason: 'NotAccepting' });
      expect(hanging.message).not.toContain('redis-aof');
      process.stderr.write(`databases that hang: ${hanging.message}\n`);
      for (const service of frozen) await inGuest('docker', 'kill', '--signal=CONT', `engines-${service}-1`);
      await until('DatabasesAccepting', ({ status }) => status === 'True');
      for (const service of frozen) {
        await expect
          .poll(() => clients(`engines-${service}-1`), { timeout: 30_000, interval: 1_000 })
          .toEqual([]);
      }
    });

    it('are checked to the bottom: sound as they are, and damaged where a file is', async () => {
      // So many that every file has pages to lose.
      const signal = within(180_000);
      const written = streamsOf('engines').map(async ([stream]) => {
        for (let write = 0; write < 300; write += 1) await collector.next(stream, guest.address(), signal);
      });
      await Promise.all(written);
      await inContainer('engines-redis-rdb-1', 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli SAVE');
      const sound = await checkData();
      process.stderr.write(`check-data: ${JSON.stringify(sound.checks)}\n`);
      expect(sound.exitCode).toBe(0);
      expect(sound.checks.map(({ service }) => service).toSorted()).toEqual(checked);
      for (const { looked, findings, trouble } of sound.checks) {
        expect(looked.length).toBeGreaterThan(0);
        expect({ findings, trouble }).toEqual({ findings: [], trouble: undefined });
      }

      const psql = ['psql', '-U', 'app', '-d', 'app', '-XAtqc', "SELECT pg_relation_filepath('writes_pkey')"];
      const index = await inGuest('docker', 'exec', '--user', 'postgres', 'engines-postgres-1', ...psql);
      await inGuest('docker', 'stop', 'engines-writer-1', 'engines-sqlite-1');
      await inGuest('docker', 'stop', 'engines-postgres-1', 'engines-mariadb-1');
      // The tuples of the first leaf, which lie at the end of its page; the second half of a table.
      await overwrite(at('postgres-data', index), pageBytes + 6_000, 2_000);
      await cutInHalf(at('mariadb-data', 'app/writes_myisam.MYD'));
      // What is in its log would be read instead of its file.
      await inGuest(
        'sqlite3',
        volumePath('engines', 'sqlite-data', 'app.db'),
        'PRAGMA wal_checkpoint(TRUNCATE)',
      );
      await inGuest('docker', 'start', 'engines-postgres-1', 'engines-mariadb-1', 'engines-sqlite-1');
      // While they run: one that starts would refuse to, and that is told elsewhere.
      await overwrite(at('redis-rdb-data', 'dump.rdb'), 200, 100);
      await overwriteMiddle(at('sqlite-data', 'app.db'), 1);
      for (const volume of ['redis-aof-data', 'valkey-data'])
        await overwriteMiddle(await appendOnlyFile(volume), 8);
      await until('DatabasesAccepting', ({ status }) => status === 'True');
      await until('StacksRunning', () => true);
      const damaged = await checkData();
      process.stderr.write(`check-data, damaged: ${JSON.stringify(damaged.checks)}\n`);
      expect(damaged.exitCode).toBe(1);
      const found = damaged.checks.filter(({ findings }) => findings.length > 0);
      expect(found.map(({ service }) => service).toSorted()).toEqual(checked);
      const text = await guest.exec(['tacet-agent', 'check-data'], { timeoutMs: 300_000 });
      expect(text.stdout).toMatch(/DAMAGED: .*writes_myisam/);
    });

    function at(volume: string, file: string): string {
      return join(guest.rootPath, volumePath('engines', volume, file));
    }

    /** Its number counts how often it was written anew. */
    async function appendOnlyFile(volume: string): Promise<string> {
      const folder = at(volume, 'appendonlydir');
      const name = (await readdir(folder)).find((one) => one.endsWith('.incr.aof'));
      return join(folder, name ?? 'appendonly.aof.1.incr.aof');
    }

    /** A container of the stack `odd`. */
    async function probed(
      service: string,
      run: readonly string[],
      labels: Record<string, string>,
    ): Promise<void> {
      const all = { 'com.docker.compose.project': 'odd', 'com.docker.compose.service': service, ...labels };
      const flags = Object.entries(all).map(([name, value]) => `--label=${name}=${value}`);
      await inGuest('docker', 'run', '--detach', `--name=odd-${service}`, ...flags, ...run);
      onTestFailed(async () => {
        process.stderr.write((await guest.exec(['docker', 'logs', `odd-${service}`])).stderr);
      });
    }

    async function checkData() {
      const { exitCode, stdout } = await guest.exec(['tacet-agent', 'check-data', '--json'], {
        timeoutMs: 300_000,
      });
      return { exitCode, checks: checksSchema.parse(JSON.parse(stdout)) };
    }

    /** How often the command that hangs was begun. */
    async function asked(): Promise<number> {
      return Number(await inContainer('odd-silent', 'wc --lines < /tmp/asked'));
    }

    async function sleeping(container: string): Promise<number> {
      const listed = await inGuest('docker', 'top', container, '-eo', 'pid,args');
      return listed.split('\n').filter((line) => line.includes('sleep 4321')).length;
    }

    /** What asks, and was not ended. */
    async function clients(container: string): Promise<string[]> {
      const listed = await inGuest('docker', 'top', container, '-eo', 'pid,args');
      return listed.split('\n').filter((line) => /pg_isready|-admin|(?:redis|valkey)-cli.* ping/.test(line));
    }

    async function inContainer(container: string, script: string): Promise<string> {
      return await inGuest('docker', 'exec', container, 'sh', '-c', script);
    }

    async function inGuest(...argv: string[]): Promise<string> {
      const { exitCode, stdout, stderr } = await guest.exec(argv, { timeoutMs: patienceMs });
      if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr || stdout}`);
      return stdout.trim();
    }

    async function conditionOf(type: Condition['type']): Promise<Condition | undefined> {
      const { stdout } = await guest.exec(['tacet-agent', 'status', '--json']);
      if (stdout.trim() === '') return undefined;
      const answer: unknown = JSON.parse(stdout);
      const inner =
        typeof answer === 'object' && answer !== null && 'status' in answer ? answer.status : answer;
      return statusSchema.parse(inner).conditions.find((condition) => condition.type === type);
    }

    async function until(
      type: Condition['type'],
      accepts: (found: Condition) => boolean,
    ): Promise<Condition> {
      let last: Condition | undefined;
      for (const endsAt = Date.now() + patienceMs; Date.now() < endsAt; await systemClock.sleep(500)) {
        last = await conditionOf(type);
        if (last !== undefined && accepts(last)) return last;
      }
      throw new Error(`${type} stays ${JSON.stringify(last)}`);
    }
  },
);

/** With what is no content of any of them. */
async function overwrite(path: string, position: number, length: number): Promise<void> {
  await using file = await open(path, 'r+');
  const { size } = await file.stat();
  if (size < position + length) throw new Error(`${path} has ${size} bytes only`);
  await file.write(Buffer.alloc(length, 0x5a), 0, length, position);
  await file.sync();
}

/** So many pages of 4 KiB. */
async function overwriteMiddle(path: string, pages: number): Promise<void> {
  const { size } = await stat(path);
  await overwrite(path, Math.floor(size / 2 / 4_096) * 4_096, pages * 4_096);
}

async function cutInHalf(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const { size } = await file.stat();
  await file.truncate(Math.floor(size / 2));
}
