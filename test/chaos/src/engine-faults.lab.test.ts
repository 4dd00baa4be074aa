import { type Api, type LabStage, openLabStage, VzdumpHook } from '@tacet/demo';
import {
  type Guest,
  labObstacle,
  openLab,
  stacks,
  startStack,
  streamsOf,
  type WriteStream,
} from '@tacet/lab';
import type { QuiesceState, Verdict } from '@tacet/protocol';
import { systemClock } from '@tacet/runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed, onTestFinished } from 'vitest';
import { limitController } from './controller-limits.ts';
import { expectHeld, expectReady, expectThawed, expectWritesFlow, guestOf } from './expectations.ts';
import {
  changePassword,
  containerOf,
  fillJournal,
  hang,
  killAgent,
  killKeptClients,
  killServer,
  label,
  programsIn,
  type Server,
  signalEngine,
  sql,
  startIdleTransaction,
  startStatement,
} from './faults.ts';
import { HookedBackup } from './hooked-backup.ts';
import { agentLog, frozenContainers, inGuest } from './inside.ts';
import { until } from './until.ts';

const obstacle = labObstacle();
const leaseMs = 10_000;
/** Of the controller: small enough to be waited for, and many times what a preparation and a hold take. */
const limits = { leaseMs, prepareDeadlineMs: 10_000, holdDeadlineMs: 6_000 };
const hookPatienceS = 8;
/** The promise is the lease. The rest is for looking at it on a machine that does other things as well. */
const boundMs = 2 * leaseMs;

const app = {
  consistency: 'app',
  proof: { kind: 'hook' },
  message: expect.stringMatching(`^${stacks.engines.services.length} services were held`),
};

const allStreams = streamsOf('engines');
const streamsBut = (...services: readonly string[]): WriteStream[] =>
  allStreams.flatMap(([stream, { service }]) => (services.includes(service) ? [] : [stream]));

describe.skipIf(obstacle !== undefined)(
  `a guest with every engine, one of which something happens to while it is backed up${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let stage: LabStage;
    let guest: Guest;
    let api: Api;
    let hook: VzdumpHook;

    beforeAll(async () => {
      const signal = AbortSignal.timeout(1_700_000);
      const lab = cleanup.use(await openLab({ signal }));
      stage = cleanup.use(await openLabStage({ lab, stack: 'engines', leaseMs, signal }));
      ({ guest } = stage);
      await limitController(stage, limits);
      hook = await VzdumpHook.write(stage, hookPatienceS);
      api = cleanup.use(await stage.api());
    });
    afterAll(() => cleanup.disposeAsync());

    beforeEach(async () => {
      onTestFailed(async () => {
        process.stderr.write(await agentLog(guest));
      });
      await expectReady(api, guest.vmid);
      await flow();
    });

    const flow = (streams = streamsBut()) =>
      expectWritesFlow(guest, stage.collector, { since: Date.now(), withinMs: boundMs, streams });

    function newBackup(): HookedBackup {
      const backup = new HookedBackup(stage, hook);
      // Its turn comes after what its test asks for later: by then it is undone.
      onTestFinished(() => backup[Symbol.asyncDispose]());
      return backup;
    }

    async function preparedBackup(): Promise<HookedBackup> {
      const backup = newBackup();
      await backup.prepare();
      return backup;
    }

    async function heldBackup(): Promise<HookedBackup> {
      const backup = await preparedBackup();
      await backup.hold();
      await expectHeld(guest, stage.collector, 'engines');
      return backup;
    }

    /** Everything is thawed and writes again, and none of these streams was kept from it for too long. */
    async function expectFree(backup: HookedBackup, streams = streamsBut()): Promise<void> {
      await flow();
      expectShortStall(backup, streams);
      await expectThawed(guest, boundMs, 'engines');
    }

    /** While the one that hangs still does. */
    async function expectOthersFree(backup: HookedBackup, server: Server): Promise<void> {
      await flow(streamsBut(server));
      expectShortStall(backup, streamsBut(server));
    }

    function expectShortStall({ beganAt }: HookedBackup, streams: readonly WriteStream[]): void {
      const window = { from: beganAt, to: Date.now(), guestAddress: guest.address() };
      const stalls = streams.map((stream) => ({ stream, ms: stage.collector.longestGap(stream, window) }));
      const longest = stalls.toSorted((one, other) => other.ms - one.ms)[0];
      say(`writes of ${streams.length} streams flow, after ${longest?.ms} ms at most (${longest?.stream})`);
      expect(longest?.ms).toBeLessThan(boundMs);
    }

    /** With a server that hangs all the while; it goes on only when the others have shown that they are thawed. */
    async function holdAndThaw(
      backup: HookedBackup,
      server: Server,
      goOn: () => Promise<void>,
    ): Promise<void> {
      await backup.hold();
      await backup.thaw();
      await expectOthersFree(backup, server);
      await goOn();
      await expectFree(backup, streamsBut(server));
    }

    async function reach(state: QuiesceState): Promise<void> {
      await until(`the agent says ${state}`, 30_000, async () => {
        return (await guestOf(api, guest.vmid))?.quiesceState === state || undefined;
      });
    }

    it('is proven to have been held when nothing happens', async () => {
      const backup = await heldBackup();
      await backup.thaw();
      await expectFree(backup);
      expect(await verdictOf(backup)).toMatchObject(app);
    });

    describe('whose server hangs', () => {
      // To be frozen is all that PostgreSQL needs, and asks nothing of it.
      const cases: [Server, object][] = [
        ['mariadb', crash('NotHeld', /^engines\/mariadb could not be held .+/)],
        ['postgres', app],
        ['redis-aof', crash('NotHeld', /^engines\/redis-aof could not be held .+/)],
      ];

      it.each(cases.slice(0, 2))('before it is prepared (%s)', async (server, expected) => {
        const backup = newBackup();
        const goOn = await untilTheEnd(hang(guest, server));
        await backup.prepare();
        await holdAndThaw(backup, server, goOn);
        const { backup: made, steps } = await backup.judged();
        expect(told(made.verdict)).toMatchObject(expected);
        const failure = steps.find(({ name }) => name === 'prepare-failed');
        expect(failure?.message).toMatch(new RegExp(`^engines/${server}: .+`));
      });

      it.each(cases)('before it is held (%s)', async (server, expected) => {
        const backup = await preparedBackup();
        const goOn = await untilTheEnd(hang(guest, server));
        await holdAndThaw(backup, server, goOn);
        expect(await verdictOf(backup)).toMatchObject(expected);
      });
    });

    describe('with a statement of somebody else’s that takes long', () => {
      const select = 'SELECT SLEEP(60) FROM writes_innodb LIMIT 1';
      const update = 'UPDATE churn_innodb SET payload = payload WHERE id = 1';
      it.each([
        ['a SELECT', () => startStatement(guest, select)],
        ['an idle transaction', () => startIdleTransaction(guest, update)],
      ])('is held behind %s of InnoDB', async (_name, start) => {
        const end = await untilTheEnd(start());
        const backup = await preparedBackup();
        await backup.hold();
        await expectHeld(guest, stage.collector, 'engines');
        await backup.thaw();
        await end();
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(app);
      });

      it('gives up soon behind an UPDATE of MyISAM, and says what it waited for', async () => {
        await sql(guest, 'CREATE OR REPLACE TABLE slow (v INT) ENGINE=MyISAM; INSERT INTO slow VALUES (1)');
        const backup = await preparedBackup();
        const end = await untilTheEnd(startStatement(guest, 'UPDATE slow SET v = v + SLEEP(60)'));
        await backup.hold();
        await backup.thaw();
        // It still runs.
        await expectFree(backup);
        await end();
        const { message, ...verdict } = await verdictOf(backup);
        expect(verdict).toMatchObject({ consistency: 'crash', reason: 'NotHeld' });
        expect(message).toMatch(/^engines\/mariadb could not be held .*not granted within 2000 ms/);
        expect(message).toMatch(
          /running for longest: statement \d+ of root, for \d+ s: UPDATE slow SET v = v \+/,
        );
      });
    });

    it.each<Server>(['mariadb', 'redis-aof'])(
      'is not called proven when the client with the lock of %s was killed',
      async (server) => {
        const backup = await heldBackup();
        await killKeptClients(guest, server);
        await backup.thaw();
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(
          crash('ServiceNotHeld', new RegExp(`^engines/${server} was no longer held`)),
        );
      },
    );

    describe('whose agent is killed while it is', () => {
      it('preparing', async () => {
        const backup = newBackup();
        const goOn = await untilTheEnd(hang(guest, 'mariadb'));
        const preparing = backup.prepare();
        await reach('preparing');
        await killAgent(guest);
        await preparing;
        await goOn();
        await backup.hold();
        await backup.thaw();
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(crash('NotHeld', /session of guest \d+ ended/));
      });

      it('prepared', async () => {
        const backup = await preparedBackup();
        await killAgent(guest);
        await expectReady(api, guest.vmid);
        await backup.hold();
        await backup.thaw();
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(crash('NotHeld', /nothing was prepared/));
      });

      it('holding', async () => {
        const backup = await preparedBackup();
        const goOn = await untilTheEnd(hang(guest, 'mariadb'));
        const holding = backup.hold();
        await reach('holding');
        await killAgent(guest);
        await expectOthersFree(backup, 'mariadb');
        await holding;
        await goOn();
        await backup.thaw();
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(crash('NotHeld', /session of guest \d+ ended/));
      });

      it('held', async () => {
        const backup = await heldBackup();
        await killAgent(guest);
        await expectFree(backup);
        await backup.thaw();
        expect(await verdictOf(backup)).toMatchObject(crash('HoldLost', /agent-restarted/));
      });

      it('thawing', async () => {
        const backup = await heldBackup();
        // It is asked to release its lock, and does not answer.
        const goOn = await untilTheEnd(hang(guest, 'redis-aof'));
        const thawing = backup.thaw();
        await reach('thawing');
        await killAgent(guest);
        await expectOthersFree(backup, 'redis-aof');
        await goOn();
        await thawing;
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(crash('HoldLost', /agent-restarted/));
      });
    });

    describe('whose engine', () => {
      it('is killed while all is held', async () => {
        const backup = await heldBackup();
        await signalEngine(guest, 'KILL');
        await backup.thaw();
        await until('nothing is frozen', boundMs, async () => {
          return (await frozenContainers(guest)).length === 0 || undefined;
        });
        await guest.waitForEngine(AbortSignal.timeout(60_000));
        // One without live-restore stops all containers when it comes up, and starts only those with a restart
        // policy, as it would without Tacet.
        await startStack(guest, AbortSignal.timeout(120_000), 'engines');
        await flow();
        await expectThawed(guest, boundMs, 'engines');
        expect(await verdictOf(backup)).toMatchObject(
          crash('ServiceNotHeld', /^engines\/[\w-]+ was no longer held/),
        );
      });

      it('hangs while all is held, and nothing needs it in order to be thawed', async () => {
        const backup = await heldBackup();
        await signalEngine(guest, 'STOP');
        const goOn = await untilTheEnd(Promise.resolve(() => signalEngine(guest, 'CONT')));
        await backup.thaw();
        await flow();
        expectShortStall(backup, streamsBut());
        await goOn();
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(
          crash('ServiceNotHeld', /^engines\/[\w-]+ was no longer held/),
        );
      });
    });

    describe('whose disk is full when the journal is written', () => {
      const nothing = { ...crash('NotHeld', /no space left on device/), services: [] };

      it('cannot be prepared', async () => {
        const backup = newBackup();
        const makeRoom = await untilTheEnd(fillJournal(guest));
        await backup.prepare();
        await backup.hold();
        await backup.thaw();
        await makeRoom();
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(nothing);
      });

      it('cannot be held, and nothing of it is', async () => {
        const backup = await preparedBackup();
        const makeRoom = await untilTheEnd(fillJournal(guest));
        await backup.hold();
        await backup.thaw();
        await makeRoom();
        await expectFree(backup);
        expect(await verdictOf(backup)).toMatchObject(nothing);
      });
    });

    it('is not called proven when a container was killed while held', async () => {
      const backup = await heldBackup();
      await inGuest(guest, ['docker', 'kill', containerOf('postgres')]);
      await backup.thaw();
      await inGuest(guest, ['docker', 'start', containerOf('postgres')]);
      await expectFree(backup);
      expect(await verdictOf(backup)).toMatchObject(
        crash('ServiceNotHeld', /^engines\/postgres was no longer held/),
      );
    });

    it('is not called proven when a container died while held, and was started again', async () => {
      const backup = await heldBackup();
      await killServer(guest, 'redis-aof');
      await until('it runs again, and nobody holds it', 30_000, async () => {
        const isFree = (await frozenContainers(guest)).length < stacks.engines.services.length;
        return (isFree && (await programsIn(guest, 'redis-aof')).includes('redis-server')) || undefined;
      });
      await backup.thaw();
      await expectFree(backup);
      expect(await verdictOf(backup)).toMatchObject(
        crash('ServiceNotHeld', /^engines\/redis-aof was no longer held/),
      );
    });

    it('is not called proven when a container was made while all others were held', async () => {
      const backup = await heldBackup();
      const stranger = ['--name', 'stranger', '--entrypoint', 'sleep', 'redis:8', '600'];
      await inGuest(guest, ['docker', 'run', '--detach', ...stranger]);
      onTestFinished(async () => void (await inGuest(guest, ['docker', 'rm', '--force', 'stranger'])));
      await backup.thaw();
      await expectFree(backup);
      expect(await verdictOf(backup)).toMatchObject(
        crash('ServiceNotHeld', /stranger ran, and was not held/),
      );
    });

    it('is not held where a password was changed behind its container’s back', async () => {
      const putBack = await untilTheEnd(changePassword(guest));
      const backup = await preparedBackup();
      await backup.hold();
      await backup.thaw();
      await putBack();
      await expectFree(backup);
      const refusal = /^engines\/mariadb could not be held .*Access denied for user 'root'/;
      expect(await verdictOf(backup)).toMatchObject(crash('NotHeld', refusal));
    });

    it('is thawed by its lease first of all when it wakes up after that has ended', async () => {
      const backup = await heldBackup();
      await guest.freeze();
      await systemClock.sleep(leaseMs + 2_000);
      await guest.unfreeze();
      await expectFree(backup);
      await backup.thaw();
      // By now the controller's own thaw had waited there for a while.
      const events = await api.events(0, AbortSignal.timeout(10_000));
      const thawed = events.findLast(({ type }) => type === 'quiesce.thawed');
      expect(thawed?.message).toMatch(/released by lease-expired$/);
      const { consistency, reason } = await verdictOf(backup);
      expect(consistency).toBe('crash');
      expect(reason).toMatch(/^(HoldLost|ThawedTooEarly)$/);
    });

    it('is not held where the hold command of a label has no end, and that is undone', async () => {
      const labels = {
        'tacet.exec.hold': 'sleep 986 & sleep 987',
        'tacet.exec.thaw': 'touch /tmp/undone',
        'tacet.exec.timeout': '2s',
      };
      await untilTheEnd(label(guest, 'sqlite', labels));
      await flow();
      const backup = await preparedBackup();
      await backup.hold();
      await backup.thaw();
      await expectFree(backup);
      expect(await programsIn(guest, 'sqlite')).not.toContain('sleep');
      await inGuest(guest, ['docker', 'exec', containerOf('sqlite'), 'test', '-e', '/tmp/undone']);
      const reason = /^engines\/sqlite could not be held .*not done after 2000 ms: killed with its children/;
      expect(await verdictOf(backup)).toMatchObject(crash('NotHeld', reason));
    });
  },
);

/** What a backup that cannot be proven is called. */
function crash(reason: string, message: RegExp) {
  return { consistency: 'crash', reason, message: expect.stringMatching(message), proof: null };
}

/** So that a fault ends with its test, however that ends. */
async function untilTheEnd(fault: Promise<() => Promise<void>>): Promise<() => Promise<void>> {
  const undo = await fault;
  let undone: Promise<void> | undefined;
  const once = (): Promise<void> => (undone ??= undo());
  onTestFinished(once);
  return once;
}

async function verdictOf(backup: HookedBackup): Promise<Verdict> {
  return told((await backup.judged()).backup.verdict);
}

function told(verdict: Verdict): Verdict {
  say(`${verdict.consistency} (${verdict.reason}): ${verdict.message}`);
  return verdict;
}

/** What was measured, for people who read the run. */
function say(text: string): void {
  process.stderr.write(`${expect.getState().currentTestName?.split(' > ').slice(1).join(' ')}: ${text}\n`);
}
