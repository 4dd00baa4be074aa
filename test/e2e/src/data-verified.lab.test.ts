import { open, rm, truncate } from 'node:fs/promises';
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
import { type Condition, type GuestStatus, manifestSchema, statusSchema } from '@tacet/protocol';
import { afterAll, beforeAll, describe, expect, it, onTestFailed, vi } from 'vitest';

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);
const original = 146;
const snapshot = 'held';

/** Those that have a marker, as the manifest should name them. */
const marked = ['mariadb', 'postgres', 'redis-aof', 'redis-rdb', 'sqlite', 'valkey'];

describe.skipIf(obstacle !== undefined)(
  `the data of a restored guest${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let lab: Lab;
    let guest: Guest;
    let collector: AckCollector;
    let writesFile: string;

    beforeAll(async () => {
      lab = cleanup.use(await openLab({ signal: within(1_700_000) }));
      collector = cleanup.use(await openAckCollector({ file: join(lab.scratchDirectory, 'acks.jsonl') }));
      guest = await lab.createGuest({ vmid: original, hostname: 'data', memoryMb: 4096 });
      await installAgent(guest);
      await guest.start();
      await guest.waitForEngine(within(120_000));
      await startStack(guest, undefined, 'engines');
      await inGuest(guest, 'systemctl', 'enable', '--now', '--quiet', 'tacet-agent');
      // So many that every file has pages to lose.
      await Promise.all(streamsOf('engines').map(([stream]) => acknowledged(stream, 300)));
      await writeOutInnoDb();
      writesFile = await sql("SELECT pg_relation_filepath('writes')");
      await until(guest, 'EngineReachable', ({ status }) => status === 'True');
      const held = await inGuest(guest, 'tacet-agent', 'fsfreeze', 'freeze');
      await guest.snapshot(snapshot);
      const thawed = await inGuest(guest, 'tacet-agent', 'fsfreeze', 'thaw');
      if (!thawed.includes('held to the end')) throw new Error(`${held}\n${thawed}`);
    });
    afterAll(() => cleanup.disposeAsync());

    it('carries its markers, taken before the hold', async () => {
      const text = await guest.readFile('/var/lib/tacet/journal/manifest.json');
      const { markers = [] } = manifestSchema.parse(JSON.parse(text.toString()));
      expect(markers.map(({ service }) => service).toSorted()).toEqual(marked);
      console.log(`a manifest of ${text.length} bytes: ${JSON.stringify(markers).slice(0, 2_000)}`);
      expect(await conditionOf(guest, 'DataVerified')).toMatchObject({
        status: 'True',
        reason: 'NotRestarted',
      });
      await guest.stop();
    });

    it('is verified where nothing is damaged, and stays so whatever its operator does later', async () => {
      await using copy = await restored(211, async () => undefined);
      const verified = await until(copy.guest, 'DataVerified', ({ status }) => status !== 'Unknown');
      console.log(verified.message);
      expect(verified).toMatchObject({ status: 'True', reason: 'DataMatches' });
      for (const service of marked) expect(verified.message).toContain(`engines/${service}: `);
      expect(verified.message).toContain('quick_check of 1 databases');
      await inGuest(copy.guest, 'docker', 'stop', 'engines-writer-1');
      const flush = 'REDISCLI_AUTH=$(cat "$REDIS_PASSWORD_FILE") redis-cli FLUSHALL';
      await inGuest(copy.guest, 'docker', 'exec', 'engines-redis-aof-1', 'sh', '-c', flush);
      await inGuest(copy.guest, 'systemctl', 'restart', 'tacet-agent');
      await until(copy.guest, 'DataVerified', ({ reason }) => reason === 'DataMatches');
      await copy.guest.shutdown();
      await copy.guest.start();
      const again = await until(copy.guest, 'DataVerified', ({ status }) => status !== 'Unknown');
      console.log(again.message);
      expect(again).toMatchObject({ status: 'True', reason: 'DataMatches' });
      expect(again.message).toContain('engines/postgres: system identifier');
      expect(again.message).toContain('engines/redis-aof: nothing');
    });

    it('is not verified where files were cut off or lost: each service, its marker and the reason', async () => {
      await using copy = await restored(212, async (root) => {
        const at = (volume: string, file: string): string => join(root, volumePath('engines', volume, file));
        await cut(at('postgres-data', writesFile), 0.5);
        await cut(at('mariadb-data', 'app/writes_myisam.MYD'), 0.5);
        await rm(at('redis-aof-data', 'appendonlydir'), { recursive: true });
        await rm(at('redis-rdb-data', 'dump.rdb'));
        await cut(at('valkey-data', 'appendonlydir/appendonly.aof.1.incr.aof'), 0.5);
        await cut(at('sqlite-data', 'app.db'), 0.5);
      });
      const damaged = await until(
        copy.guest,
        'DataVerified',
        ({ status, message }) =>
          status === 'False' && marked.every((service) => message.includes(`engines/${service}: `)),
      );
      console.log(damaged.message);
      expect(damaged).toMatchObject({ status: 'False', reason: 'DataDiffers' });
      expect(damaged.message).toMatch(
        /engines\/postgres: (?:empty ones of some )?pages of app\.public\.writes: expected at \w+ \d+, found \d+ \(/,
      );
      expect(damaged.message).toMatch(/engines\/mariadb: table app\.writes_myisam: expected sound, found /);
      expect(damaged.message).toMatch(
        /engines\/redis-aof: size of the append-only file: expected at least \d+ bytes, found \d+ bytes \(/,
      );
      expect(damaged.message).toMatch(
        /engines\/redis-rdb: keys of database 0: expected about \d+, found \d+ \(/,
      );
      expect(damaged.message).toMatch(/engines\/valkey: size of the append-only file: expected/);
      expect(damaged.message).toMatch(/engines\/sqlite: (?:pages|quick_check) of \/data\/app\.db: expected/);
      expect(await conditionOf(copy.guest, 'Ready')).toMatchObject({
        status: 'False',
        reason: 'DataDiffers',
      });
      const accepted = await inGuest(copy.guest, 'tacet-agent', 'accept-data');
      for (const service of marked) expect(accepted).toContain(`engines/${service}`);
      await until(copy.guest, 'DataVerified', ({ status }) => status === 'True');
    });

    it('is not verified where a table of InnoDB was cut off', async () => {
      await using copy = await restored(213, async (root) => {
        await cut(join(root, volumePath('engines', 'mariadb-data', 'app/churn_innodb.ibd')), 0.1);
      });
      const damaged = await until(copy.guest, 'DataVerified', ({ status }) => status === 'False', 300_000);
      console.log(damaged.message);
      expect(damaged.message).toContain('engines/mariadb: ');
      expect(damaged.reason).toMatch(/^(?:DataDiffers|DoesNotStart)$/);
    });

    async function restored(
      vmid: number,
      damage: (root: string) => Promise<void>,
    ): Promise<AsyncDisposable & { guest: Guest }> {
      const copy = await lab.restoreGuest({
        vmid,
        snapshot: { vmid: original, name: snapshot },
        unique: true,
      });
      await damage(copy.rootPath);
      onTestFailed(async () => {
        const log = await copy.exec(['journalctl', '--unit=tacet-agent', '--lines=80', '--output=cat']);
        process.stderr.write(log.stdout);
      });
      await copy.start();
      return { guest: copy, [Symbol.asyncDispose]: () => copy.destroy() };
    }

    async function acknowledged(stream: Parameters<AckCollector['next']>[0], count: number): Promise<void> {
      const signal = within(180_000);
      for (let write = 0; write < count; write += 1) await collector.next(stream, guest.address(), signal);
    }

    /** Otherwise its log would still have everything, and restore a file that was cut off. */
    async function writeOutInnoDb(): Promise<void> {
      const mariadb = 'MYSQL_PWD=$(cat "$MARIADB_ROOT_PASSWORD_FILE") mariadb --user root -N --execute';
      const ask = (text: string): Promise<string> =>
        inGuest(guest, 'docker', 'exec', 'engines-mariadb-1', 'sh', '-c', `${mariadb} "${text}"`);
      await ask('SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0, GLOBAL innodb_max_dirty_pages_pct = 0');
      const position = async (name: string): Promise<number> =>
        Number((await ask(`SHOW STATUS LIKE '${name}'`)).split('\t')[1]);
      const began = await position('Innodb_lsn_current');
      const isWrittenOut = async (): Promise<void> => {
        if ((await position('Innodb_lsn_last_checkpoint')) < began)
          throw new Error('InnoDB has not written it out');
      };
      await vi.waitFor(isWrittenOut, { timeout: 120_000, interval: 1_000 });
    }

    async function sql(text: string): Promise<string> {
      const psql = ['psql', '-U', 'app', '-d', 'app', '-XAtqc', text];
      return await inGuest(guest, 'docker', 'exec', '--user', 'postgres', 'engines-postgres-1', ...psql);
    }
  },
);

/** Keeps that share of a file, in whole pages. */
async function cut(path: string, share: number): Promise<void> {
  const file = await open(path);
  const { size } = await file.stat();
  await file.close();
  const pageBytes = 16_384;
  const kept = Math.floor((size * share) / pageBytes) * pageBytes;
  await truncate(path, size > 2 * pageBytes ? kept : Math.floor(size * share));
}

async function inGuest(guest: Guest, ...argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(argv, { timeoutMs: 120_000 });
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} in guest ${guest.vmid}: ${stderr || stdout}`);
  return stdout.trim();
}

/** What its agent says; undefined while none runs. */
async function statusOf(guest: Guest): Promise<GuestStatus | undefined> {
  const { exitCode, stdout } = await guest.exec(['tacet-agent', 'status', '--json']);
  if (exitCode !== 0 && stdout.trim() === '') return undefined;
  const answer: unknown = JSON.parse(stdout);
  const inner = typeof answer === 'object' && answer !== null && 'status' in answer ? answer.status : answer;
  return statusSchema.parse(inner);
}

async function conditionOf(guest: Guest, type: Condition['type']): Promise<Condition | undefined> {
  return (await statusOf(guest))?.conditions.find((condition) => condition.type === type);
}

async function until(
  guest: Guest,
  type: Condition['type'],
  accepts: (condition: Condition) => boolean,
  timeoutMs = 240_000,
): Promise<Condition> {
  let last: Condition | undefined;
  const endsAt = Date.now() + timeoutMs;
  while (Date.now() < endsAt) {
    last = await conditionOf(guest, type);
    if (last && accepts(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  throw new Error(`${type} of guest ${guest.vmid} stays ${JSON.stringify(last)}`);
}
