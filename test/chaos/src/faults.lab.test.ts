import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Api, type LabStage, openLabStage } from '@tacet/demo';
import { type Guest, labObstacle, openLab, startStack } from '@tacet/lab';
import type { Backup, Operation } from '@tacet/protocol';
import { systemClock } from '@tacet/runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { archiveOf, backUp, ended, madeBy, startAndHold } from './backups.ts';
import {
  expectHeld,
  expectNotProven,
  expectProven,
  expectReady,
  expectThawed,
  expectWritesFlow,
  expectWritesFlowInside,
  guestOf,
  sessionsOf,
} from './expectations.ts';
import { killAgent, signalEngine } from './faults.ts';
import { agentLog, frozenContainers, inGuest, journalOf } from './inside.ts';
import { until } from './until.ts';

const obstacle = labObstacle();
const leaseMs = 10_000;
/** The promise is the lease. The rest is for looking at it on a machine that does other things as well. */
const boundMs = 2 * leaseMs;
const never = new AbortController().signal;

describe.skipIf(obstacle !== undefined)(
  `a guest that something happens to while it is held${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let stage: LabStage;
    let guest: Guest;
    let api: Api;

    beforeAll(async () => {
      const signal = AbortSignal.timeout(1_700_000);
      const lab = cleanup.use(await openLab({ signal }));
      stage = cleanup.use(await openLabStage({ lab, leaseMs, signal }));
      ({ guest } = stage);
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

    const flow = (since = Date.now()) =>
      expectWritesFlow(guest, stage.collector, { since, withinMs: boundMs });

    async function hold() {
      const backup = await startAndHold(stage, api);
      await until('the controller shows it as held', 20_000, async () => {
        return (await guestOf(api, guest.vmid))?.quiesceState === 'held' || undefined;
      });
      await expectHeld(guest, stage.collector);
      return backup;
    }

    async function expectBackupWithoutProof(operation: Pick<Operation, 'id'>): Promise<Backup> {
      const backup = madeBy(await ended(api, operation));
      archiveOf(stage, backup);
      expectNotProven(backup);
      say(`verdict ${backup.verdict.consistency} (${backup.verdict.reason}): ${backup.verdict.message}`);
      return backup;
    }

    it('is proven to have been held when nothing happens, also when the snapshot takes its time', async () => {
      await using held = await hold();
      await until('the lease is renewed', leaseMs, async () => {
        return (await journalOf(guest)).state === 'held' || undefined;
      });
      const letGoAt = Date.now();
      await held.letGo();
      const flowsMs = await flow(letGoAt);
      say(`writes flow ${flowsMs} ms after the snapshot was let through`);
      expect(flowsMs).toBeLessThan(boundMs);
      const backup = madeBy(await ended(api, held.operation));
      archiveOf(stage, backup);
      expectProven(backup);
      await expectThawed(guest, boundMs);
      await expectReady(api, guest.vmid);
    });

    it('stays held past its first lease, which nobody can ask a frozen Redis to prolong for its part', async () => {
      await using held = await hold();
      await systemClock.sleep(leaseMs);
      await expectHeld(guest, stage.collector);
      await held.letGo();
      await flow();
      const { verdict } = await expectBackupWithoutProof(held.operation);
      expect(verdict).toMatchObject({
        reason: 'ServiceNotHeld',
        message: expect.stringMatching('shop/cache'),
      });
      await expectThawed(guest, boundMs);
      await expectReady(api, guest.vmid);
    });

    it('goes on within the lease when its agent is killed', async () => {
      await using held = await hold();
      const killedAt = Date.now();
      await killAgent(guest);
      const flowsMs = await flow(killedAt);
      say(`writes flow ${flowsMs} ms after the kill`);
      expect(flowsMs).toBeLessThan(boundMs);
      await expectThawed(guest, boundMs);
      await held.letGo();
      await expectBackupWithoutProof(held.operation);
      await expectReady(api, guest.vmid);
    });

    it('goes on within the lease when the controller is killed, which later says honestly what it missed', async () => {
      const before = await archives();
      await using held = await hold();
      const killedAt = Date.now();
      await stage.controller.kill();
      const flowsMs = await flow(killedAt);
      say(`writes flow ${flowsMs} ms after the kill, of a lease of ${leaseMs} ms`);
      expect(flowsMs).toBeLessThan(boundMs);
      await expectThawed(guest, boundMs);
      await held.letGo();
      await anotherArchive(before);

      await startController();
      const { verdict } = await expectBackupWithoutProof(held.operation);
      expect(verdict.message).toMatch(/controller restarted/);
      await expectReady(api, guest.vmid);
    });

    it('goes on within the lease when the controller is killed and comes back at once', async () => {
      await using held = await hold();
      const killedAt = Date.now();
      await stage.controller.kill();
      await startController();
      const flowsMs = await flow(killedAt);
      say(`writes flow ${flowsMs} ms after the kill`);
      expect(flowsMs).toBeLessThan(boundMs);
      await expectThawed(guest, boundMs);
      await held.letGo();
      const { verdict } = await expectBackupWithoutProof(held.operation);
      expect(verdict.message).toMatch(/controller restarted/);
      await expectReady(api, guest.vmid);
    });

    it('goes on within the lease when its network is cut, and is heard again after', async () => {
      await using held = await hold();
      const cutAt = Date.now();
      await guest.cutNetwork();
      try {
        const flowsMs = await expectWritesFlowInside(guest, { since: cutAt, withinMs: boundMs });
        say(`writes flow ${flowsMs} ms after the cut, of a lease of ${leaseMs} ms`);
        expect(flowsMs).toBeLessThan(boundMs);
        await expectThawed(guest, boundMs);
      } finally {
        await guest.restoreNetwork();
      }
      await held.letGo();
      await expectBackupWithoutProof(held.operation);
      await expectReady(api, guest.vmid);
    });

    it('is thawed when its engine is killed, and not called proven', async () => {
      await using held = await hold();
      await signalEngine(guest, 'KILL');
      // Nobody has let the snapshot through yet. What is frozen stays so, until the engine comes up and ends all
      // containers: then the hold cannot be kept up.
      await until('the guest is thawed', boundMs, async () => {
        expect(await frozenContainers(guest)).toEqual([]);
        expect((await journalOf(guest)).state).toBe('idle');
        return true;
      });
      await guest.waitForEngine(AbortSignal.timeout(60_000));
      await held.letGo();
      await expectBackupWithoutProof(held.operation);
      // An engine without live-restore stops all containers when it comes up; those without a restart policy
      // stay so, as they would without Tacet.
      await startStack(guest);
      await expectThawed(guest, boundMs);
      await expectReady(api, guest.vmid);
    });

    it('is thawed by its lease first of all when it wakes up after that has ended', async () => {
      await using held = await hold();
      await guest.freeze();
      await systemClock.sleep(leaseMs + 1000);
      const wokenAt = Date.now();
      await guest.unfreeze();
      say(`writes flow ${await flow(wokenAt)} ms after the guest woke up`);
      await expectThawed(guest, boundMs);
      await held.letGo();
      const { verdict } = await expectBackupWithoutProof(held.operation);
      expect(verdict).toMatchObject({ reason: 'HoldLost', message: expect.stringMatching('lease-expired') });
      await expectReady(api, guest.vmid);
    });

    it('keeps its session when the whole guest is frozen for ten seconds', async () => {
      const before = await sessionsOf(api, guest.vmid);
      await guest.freeze();
      await systemClock.sleep(10_000);
      await guest.unfreeze();
      say(`writes flow ${await flow()} ms after the thaw of the guest`);
      expect(await guestOf(api, guest.vmid)).toMatchObject({ connected: true });
      // A backup of it needs the session both ways, and after all that has happened before it is proven again.
      expectProven(await backUp(stage, api));
      expect(await sessionsOf(api, guest.vmid)).toBe(before);
      expect(await processesOf('cache')).toEqual(['redis-server']);
    });

    async function startController(): Promise<void> {
      await stage.controller.start(never);
      api = cleanup.use(await stage.api());
    }

    async function archives(): Promise<string[]> {
      const names = await readdir(join(stage.lab.scratchDirectory, 'local', 'dump'));
      return names.filter((name) => name.endsWith('.tar.zst'));
    }

    /** Proxmox VE goes on by itself with what it had begun. */
    async function anotherArchive(before: readonly string[]): Promise<void> {
      await until('the archive is finished', 60_000, async () => {
        return (await archives()).length > before.length || undefined;
      });
    }

    async function processesOf(service: string): Promise<string[]> {
      const listed = await inGuest(guest, ['docker', 'top', `shop-${service}-1`, '-o', 'pid,comm']);
      return listed
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/)[1] ?? '');
    }
  },
);

/** What was measured, for people who read the run. */
function say(text: string): void {
  process.stderr.write(`${expect.getState().currentTestName?.split(' > ').at(-1)}: ${text}\n`);
}
