import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { exitCodes, HttpControllerApi, readControllerFile, run } from '@tacet/cli';
import { type LabStage, openLabStage } from '@tacet/demo';
import {
  containerStates,
  findMissingWrites,
  type Guest,
  guestAddress,
  labObstacle,
  openLab,
  stack,
  startDatabases,
  startStack,
} from '@tacet/lab';
import { type Backup, backupListSchema, type Operation, operationListSchema } from '@tacet/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { gateBehind, wrapHook } from './hook/hook-wrapper.ts';
import { ProxmoxUser, said, type VzdumpRun } from './hook/proxmox-user.ts';

const obstacle = labObstacle();
const leaseMs = 10_000;
const never = new AbortController().signal;
const allRunning = Object.fromEntries(stack.services.map((service) => [service, 'running']));

// The lab's guests have one volume, and its suspend mode copies by a snapshot while the guest is frozen; two volumes
// and two passes are simulated in hook/hook-mode.test.ts.
describe.skipIf(obstacle !== undefined)(
  `vzdump with Tacet’s hook, and a real guest${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let stage: LabStage;
    let guest: Guest;
    let user: ProxmoxUser;
    let directory: string;
    let script: string;
    let http: HttpControllerApi;

    beforeAll(async () => {
      const signal = AbortSignal.timeout(1_700_000);
      const lab = cleanup.use(await openLab({ signal }));
      stage = cleanup.use(await openLabStage({ lab, leaseMs, signal }));
      ({ guest } = stage);
      user = cleanup.use(new ProxmoxUser(stage.node.sim));
      directory = join(lab.scratchDirectory, 'hook');
      script = join(directory, 'vzdump-hook');
      await mkdir(directory);
      await connectApi();
      await install();
    });
    afterAll(() => cleanup.disposeAsync());

    beforeEach(async () => {
      onTestFailed(async () => {
        const { stdout } = await guest.exec(['journalctl', '-u', 'tacet-agent', '-n', '40', '-o', 'cat']);
        process.stderr.write(`--- the agent\n${stdout}\n`);
      });
      stage.node.sim.setHookScript(script);
      await expectReady();
      await flow();
    });

    afterEach(async () => {
      await stage.lab.guest(stage.copy)?.destroy();
    });

    async function connectApi(): Promise<void> {
      http = cleanup.use(new HttpControllerApi(await readControllerFile(stage.controllerFile)));
    }

    /** As an operator does it on the node. */
    async function install(): Promise<void> {
      const conf = join(directory, 'vzdump.conf');
      await writeFile(conf, '# vzdump default settings\n');
      let text = '';
      const options = ['--vzdump-conf', conf, '--script', script, '--vzdump-lock', join(directory, 'lock')];
      const code = await run({
        argv: ['hook', 'install', '--socket', stage.hookSocket, '--patience', '5', ...options],
        env: {},
        stdout: (more) => void (text += more),
        stderr: (more) => void (text += more),
        signal: never,
      });
      expect({ code, text }).toMatchObject({ code: exitCodes.ok, text: /the controller answers/ });
    }

    const backups = async (): Promise<Backup[]> =>
      (await http.get(backupListSchema, '/backups', never)).backups;
    const operations = async (): Promise<Operation[]> =>
      (await http.get(operationListSchema, '/operations', never)).operations;

    /** The one whose archive a task has written. */
    async function backupOf({ log }: VzdumpRun): Promise<Backup> {
      const archive = log.flatMap((line) => /creating vzdump archive '(.*)'/.exec(line)?.[1] ?? [])[0] ?? '';
      const find = async (): Promise<Backup | undefined> =>
        (await backups()).find(({ volid }) => volid.endsWith(basename(archive)));
      await expect.poll(find, { message: log.join('\n') }).toBeDefined();
      const found = await find();
      if (found === undefined) throw new Error('it was there a moment ago');
      return found;
    }

    async function flow(): Promise<void> {
      await stage.writes.flowing(stage.original, AbortSignal.timeout(60_000));
    }

    async function frozenContainers(): Promise<string> {
      const listing = 'grep -l 1 /sys/fs/cgroup/system.slice/docker-*.scope/cgroup.freeze || true';
      return (await guest.exec(['sh', '-c', listing])).stdout;
    }

    /** Every container runs, none is frozen, and writes flow. */
    async function expectFree(): Promise<void> {
      await expect.poll(() => containerStates(guest), { timeout: 30_000 }).toEqual(allRunning);
      await expect.poll(frozenContainers, { timeout: 2 * leaseMs }).toBe('');
      await flow();
    }

    async function expectReady(): Promise<void> {
      const api = await stage.api();
      const ready = async (): Promise<string | undefined> => {
        const [found] = (await api.guests(never)).filter(({ vmid }) => vmid === stage.original);
        return found?.connected === true
          ? found.conditions.find(({ type }) => type === 'Ready')?.status
          : undefined;
      };
      await expect.poll(ready, { timeout: 60_000 }).toBe('True');
      await api[Symbol.asyncDispose]();
    }

    it('in snapshot mode is held for the snapshot alone, proven, and misses no acknowledged write', async () => {
      const ended = await user.vzdump({ vmid: stage.original });
      expect(ended.exitstatus).toBe('OK');
      say(said(ended).join('\n'));
      const { verdict, origin } = await backupOf(ended);
      expect({ origin, ...verdict }).toMatchObject({
        origin: 'hook',
        consistency: 'app',
        proof: { kind: 'hook' },
      });
      expect(verdict.services.map(({ service }) => service).toSorted()).toEqual(stack.services.toSorted());
      const thawSentAt = verdict.proof?.thawSentAt ?? 0;
      say(
        `stall ${JSON.stringify(stage.writes.stalls({ from: (verdict.proof?.holdConfirmedAt ?? 0) - 1_000, to: thawSentAt + 1_000 }))}`,
      );
      await expectFree();

      const api = await stage.api();
      const { id } = await api.startRestore(stage.original, stage.copy, never);
      const state = async (): Promise<string> => (await api.operation(id, never)).state;
      await expect.poll(state, { timeout: 180_000, interval: 500 }).toBe('succeeded');
      for (const { stream, acknowledged, missing } of await stage.writes.missingIn(stage.copy, thawSentAt)) {
        say(`${stream}: ${acknowledged} acknowledged before the thaw, ${missing} missing in the copy`);
        expect({ stream, missing }).toEqual({ stream, missing: 0 });
      }
      await api[Symbol.asyncDispose]();
    });

    it('stalls for no longer than when the controller asks for the backup itself', async () => {
      const api = await stage.api();
      const stalls: Record<'hook' | 'controller', number[]> = { hook: [], controller: [] };
      for (let round = 0; round < 3; round += 1) {
        stalls.hook.push(longest(await backupOf(await user.vzdump({ vmid: stage.original }))));
        await api.startBackup(stage.original, never);
        await expect.poll(async () => (await operations())[0]?.state, { timeout: 60_000 }).toBe('succeeded');
        const own = await user.lastTask();
        // Only one of the two quiesces, though both are there.
        expect(said(own)).toEqual([expect.stringContaining('this hook stays out')]);
        const backup = await backupOf(own);
        expect(backup).toMatchObject({ origin: 'controller', verdict: { consistency: 'app' } });
        stalls.controller.push(longest(backup));
      }
      say(`stall in ms: ${JSON.stringify(stalls)}`);
      expect(Math.min(...stalls.hook)).toBeLessThan(Math.max(...stalls.controller));
      await api[Symbol.asyncDispose]();
      await expectFree();
    });

    it('in suspend mode is held while it is copied frozen, and not called proven', async () => {
      const ended = await user.vzdump({ vmid: stage.original, mode: 'suspend' });
      expect(ended.exitstatus).toBe('OK');
      say(said(ended).join('\n'));
      expect((await backupOf(ended)).verdict).toMatchObject({
        consistency: 'crash',
        reason: 'CopiedInTwoPasses',
      });
      expect(said(ended)).toContainEqual(expect.stringMatching(/^thawed; writes had stalled/));
      await expectFree();
    });

    it('in stop mode ends in order and comes back; what it had acknowledged is in the copy', async () => {
      const ended = await user.vzdump({ vmid: stage.original, mode: 'stop' });
      const stoppedBefore = Date.now();
      expect(ended.exitstatus).toBe('OK');
      say(said(ended).join('\n'));
      const backup = await backupOf(ended);
      expect(backup.verdict).toMatchObject({ consistency: 'crash', reason: 'GuestStopped' });
      expect(await guest.status()).toBe('running');

      const archive = join(stage.lab.scratchDirectory, 'local', 'dump', basename(backup.volid));
      const copy = await stage.lab.restoreGuest({ vmid: stage.copy, archive, unique: true });
      await copy.start();
      await copy.waitForEngine();
      await startDatabases(copy);
      const missing = await findMissingWrites(copy, stage.collector, {
        before: stoppedBefore,
        guestAddress: guestAddress(stage.original),
      });
      say(
        missing.map((one) => `${one.stream}: ${one.acknowledged}, ${one.missing.length} missing`).join('; '),
      );
      expect(missing.map(({ missing: lost }) => lost.length)).toEqual([0, 0]);

      // What has no restart policy does not come back by itself, with or without Tacet.
      await guest.waitForEngine();
      await startStack(guest);
      await expectReady();
      await expectFree();
    });

    it('is thawed by its lease when the controller is killed between hold and snapshot, and the backup goes on', async () => {
      const gate = await gateBehind('pre-stop', directory, script);
      stage.node.sim.setHookScript(gate.path);
      const running = await user.startVzdump({ vmid: stage.original });
      await gate.reached();
      expect(await frozenContainers()).not.toBe('');
      const killedAt = Date.now();
      await stage.controller.kill();
      await flow();
      const flowsMs = Date.now() - killedAt;
      say(`writes flow ${flowsMs} ms after the kill, of a lease of ${leaseMs} ms`);
      expect(flowsMs).toBeLessThan(2 * leaseMs);
      await gate.open();
      const ended = await running();
      expect(ended.exitstatus).toBe('OK');
      say(said(ended).join('\n'));

      await stage.controller.start(never);
      await connectApi();
      // The archive is complete, and nobody saw whether the guest was held for it.
      await expect.poll(async () => (await operations())[0]?.state, { timeout: 60_000 }).toBe('succeeded');
      expect((await operations())[0]?.backup?.verdict).toMatchObject({ consistency: 'unknown', proof: null });
      await expectReady();
      await expectFree();
    });

    it('is recorded as not seen when the controller comes back before the archive is complete', async () => {
      const gate = await gateBehind('post-restart', directory, script);
      stage.node.sim.setHookScript(gate.path);
      const running = await user.startVzdump({ vmid: stage.original });
      await gate.reached();
      await stage.controller.kill();
      await stage.controller.start(never);
      await connectApi();
      await gate.open();
      const ended = await running();
      expect(ended.exitstatus).toBe('OK');
      expect((await backupOf(ended)).verdict).toMatchObject({
        consistency: 'unknown',
        reason: 'BeginningNotSeen',
      });
      await expectReady();
      await expectFree();
    });

    it.each([
      ['is killed before it holds', `[ "$1" != pre-stop ] || kill -9 $$\nreal "$@"`],
      ['is killed when all is held', `real "$@"\n[ "$1" != pre-stop ] || kill -9 $$`],
      ['fails when the snapshot is there', `real "$@"\n[ "$1" != pre-restart ] || exit 1`],
    ])('is thawed when its hook %s', async (_, body) => {
      stage.node.sim.setHookScript(await wrapHook(directory, script, body));
      const ended = await user.vzdump({ vmid: stage.original });
      expect(ended.exitstatus).toBe('job errors');
      await expect.poll(async () => (await operations())[0]?.state, { timeout: 60_000 }).toBe('failed');
      expect((await operations())[0]?.backup).toBeNull();
      await expectFree();
    });

    it('is thawed when an operator stops the backup while all is held', async () => {
      const gate = await gateBehind('pre-stop', directory, script);
      stage.node.sim.setHookScript(gate.path);
      const running = await user.startVzdump({ vmid: stage.original });
      await gate.reached();
      const stoppedAt = Date.now();
      await user.stopVzdump();
      expect((await running()).exitstatus).toBe('job errors');
      await flow();
      say(`writes flow ${Date.now() - stoppedAt} ms after the stop`);
      await expectFree();
    });
  },
);

/** The longest time in which a service's writes were blocked. */
function longest({ verdict }: Backup): number {
  return Math.max(
    ...verdict.services.map(({ holdStartedAt, thawedAt }) => (thawedAt ?? Infinity) - holdStartedAt),
  );
}

/** What was measured, for people who read the run. */
function say(text: string): void {
  process.stderr.write(`${expect.getState().currentTestName?.split(' > ').at(-1)}: ${text}\n`);
}
