import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AckCollector,
  checkEngines,
  checkFiles,
  compose,
  containerStates,
  type EngineCheck,
  findMissingWrites,
  type Guest,
  type Lab,
  labObstacle,
  openAckCollector,
  openLab,
  stacks,
  startDatabases,
  startStack,
  streamsOf,
  type WriteStream,
} from './index.ts';
import { progressDisplay } from './progress-display.ts';

const obstacle = labObstacle();
const deadline = (ms: number) => AbortSignal.timeout(ms);
const stack = 'engines';
const streams = streamsOf(stack).map(([stream]) => stream);
/** Their files have every acknowledged write at every moment; the others are only as good as their last flush. */
const crashSafe: WriteStream[] = ['postgres', 'mariadb', 'aria', 'sqlite'];
/** With `appendfsync everysec` a write waits for a sync of the disk that is under way, for up to two seconds. */
const appended: WriteStream[] = ['redis-aof', 'valkey'];
const appendedAfterMs = 3_000;

describe.skipIf(obstacle !== undefined)(`every engine${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  const cleanup = new AsyncDisposableStack();
  let lab: Lab;
  let collector: AckCollector;
  let guest: Guest;
  let copy: Guest;

  beforeAll(async () => {
    using display = progressDisplay(process.stderr);
    lab = cleanup.use(await openLab({ signal: deadline(1_700_000), onProgress: display.report }));
    collector = cleanup.use(
      await openAckCollector({ file: join(lab.scratchDirectory, 'acknowledged.jsonl') }),
    );
    guest = await lab.createGuest({ vmid: 101, hostname: 'engines', memoryMb: 4096 });
    await guest.start();
    await guest.waitForEngine(deadline(60_000));
    await startStack(guest, undefined, stack);
  });

  afterAll(() => cleanup.disposeAsync());

  it('acknowledges writes, all at once and under load', async ({ annotate }) => {
    expect(await containerStates(guest, stack)).toEqual(
      Object.fromEntries(stacks.engines.services.map((service) => [service, 'running'])),
    );
    await acknowledged(1);
    const from = Date.now();
    await acknowledged(300);
    const window = { from, to: Date.now(), guestAddress: guest.address() };
    for (const stream of streams) {
      const rate = collector.rate(stream, window).toFixed(0);
      await annotate(`${stream}: ${rate}/s, longest gap ${collector.longestGap(stream, window)} ms`);
    }
  });

  it('keeps in a plain snapshot what each engine promises, and can tell what it was worth', async ({
    annotate,
  }) => {
    const { frozenAt, frozenMs } = await guest.snapshot('plain');
    copy = await lab.restoreGuest({ vmid: 201, snapshot: { vmid: 101, name: 'plain' }, unique: true });
    await guest.deleteSnapshot('plain');
    await annotate(`frozen for ${frozenMs.toFixed(0)} ms`);

    const files = Object.fromEntries((await checkFiles(copy)).map(({ stream, state }) => [stream, state]));
    expect(files).toEqual({
      // Its tables were open, and nothing tells them that they are copied.
      myisam: expect.stringMatching(/^(unclean|damaged)$/),
      'redis-rdb': expect.stringMatching(/^(clean|absent)$/),
      'redis-aof': 'clean',
      valkey: 'clean',
    });
    await annotate(`files: ${JSON.stringify(files)}`);

    await copy.start();
    await expect(checkFiles(copy)).rejects.toThrow(/runs/);
    await copy.waitForEngine(deadline(120_000));
    await startDatabases(copy, undefined, stack);
    const states = await containerStates(copy, stack);
    for (const service of stacks.engines.withoutRestartPolicy) expect(states[service]).toBe('exited');

    const options = { before: frozenAt, guestAddress: guest.address(), stack } as const;
    const found = await findMissingWrites(copy, collector, options);
    for (const { stream, acknowledged, missing } of found) {
      await annotate(`${stream}: ${missing.length} of ${acknowledged} acknowledged writes missing`);
    }
    const missing = new Map(found.map((result) => [result.stream, result.missing]));
    expect([...missing.keys()]).toEqual(streams);
    for (const stream of crashSafe)
      expect({ stream, missing: missing.get(stream) }).toEqual({ stream, missing: [] });
    for (const stream of appended) {
      const older = collector.acknowledged(stream, { ...options, before: frozenAt - appendedAfterMs });
      const keys = new Set(older.map(keyOf));
      const lost = missing.get(stream)?.filter((write) => keys.has(keyOf(write)));
      expect({ stream, lost }).toEqual({ stream, lost: [] });
    }
    // Nobody asked this Redis to dump, so its newest writes are not in the copy: the comparison can fail.
    expect(missing.get('redis-rdb')).not.toEqual([]);

    const checks = await checkEngines(copy);
    for (const check of checks) await annotate(JSON.stringify(check));
    const findings = checks.filter(({ stream }) => stream !== 'myisam').flatMap((check) => check.findings);
    expect(findings).toEqual([]);
    const withoutServer = checks.filter(({ acceptMs }) => acceptMs === undefined);
    expect(withoutServer.map(({ stream }) => stream)).toEqual(['sqlite']);
    expect(Math.min(...checks.map(({ acceptMs = 1 }) => acceptMs))).toBeGreaterThan(0);
    // Both had work to do: the snapshot caught them in the middle of theirs.
    expect(of(checks, 'postgres').redoBytes).toBeGreaterThan(0);
    expect(of(checks, 'mariadb').redoBytes).toBeGreaterThan(0);
  });

  it('finds nothing to complain of, nor to replay, where every engine was stopped properly', async () => {
    const stopped = await compose(copy, ['stop'], undefined, stack);
    expect(stopped.stderr).not.toContain('Error');
    await copy.shutdown(deadline(60_000));
    for (const { stream, state, findings } of await checkFiles(copy)) {
      expect({ stream, state, findings }).toEqual({ stream, state: 'clean', findings: [] });
    }
    await copy.start();
    await copy.waitForEngine(deadline(120_000));
    await startDatabases(copy, undefined, stack);
    const checks = await checkEngines(copy);
    expect(checks.flatMap(({ findings }) => findings)).toEqual([]);
    expect(of(checks, 'postgres').redoBytes).toBe(0);
    expect(of(checks, 'mariadb').redoBytes).toBe(0);
  });

  it('finds files that were damaged', async () => {
    await copy.shutdown(deadline(60_000));
    const volumes = '/var/lib/docker/volumes/engines';
    await damage(copy, `${volumes}_mariadb-data/_data/app/writes_myisam.MYD`);
    await damage(copy, `${volumes}_valkey-data/_data/dump.rdb`);
    const states = Object.fromEntries((await checkFiles(copy)).map(({ stream, state }) => [stream, state]));
    expect(states).toEqual({
      myisam: 'damaged',
      'redis-rdb': 'clean',
      'redis-aof': 'clean',
      valkey: 'damaged',
    });
    await copy.destroy();
  });

  it('lets nobody in as root of MariaDB without the password', async () => {
    const asRoot = ['mariadb', '--user', 'root', '--skip-ssl', '--execute', 'SELECT 1'];
    for (const host of ['localhost', '127.0.0.1', 'mariadb']) {
      const refused = docker('exec', 'engines-mariadb-1', ...asRoot, '--host', host);
      await expect(refused).rejects.toThrow(/Access denied/);
    }
  });

  it.each([
    { image: 'redis:8', client: 'redis-cli' },
    { image: 'valkey/valkey:8', client: 'valkey-cli' },
  ])('dumps at the end of $image also when its successor was made before', async ({ image, client }) => {
    const volume = `successor-${client}:/data`;
    const first = await docker('run', '--detach', '--volume', volume, image);
    await expect.poll(() => docker('exec', first, client, 'PING'), { timeout: 30_000 }).toContain('PONG');
    await docker('exec', first, client, 'SET', 'kept', 'yes');
    const second = await docker('create', '--volume', volume, image);
    await docker('stop', first);
    await docker('start', second);
    await expect.poll(() => docker('exec', second, client, 'GET', 'kept'), { timeout: 30_000 }).toBe('yes');
    await docker('rm', '--force', '--volumes', first, second);
  });

  /** What docker says in the guest. */
  async function docker(...argv: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await guest.exec(['docker', ...argv]);
    if (exitCode !== 0) throw new Error(stderr);
    return stdout.trim();
  }

  /** Resolves when each stream had that many more writes acknowledged. */
  async function acknowledged(count: number): Promise<void> {
    const signal = deadline(120_000);
    const some = async (stream: WriteStream): Promise<void> => {
      for (let write = 0; write < count; write += 1) await collector.next(stream, guest.address(), signal);
    };
    await Promise.all(streams.map(some));
  }
});

function keyOf({ runId, seq }: { runId: string; seq: number }): string {
  return `${runId} ${seq}`;
}

function of(checks: readonly EngineCheck[], stream: WriteStream): EngineCheck {
  const found = checks.find((check) => check.stream === stream);
  if (!found) throw new Error(`no check of ${stream}`);
  return found;
}

/** Turns the middle of a stopped guest's file into something else. */
async function damage(guest: Guest, path: string): Promise<void> {
  const content = await guest.readFile(path);
  const middle = Math.floor(content.length / 2);
  content.fill(0xff, middle, middle + 4096);
  await guest.writeFile(path, content);
}
