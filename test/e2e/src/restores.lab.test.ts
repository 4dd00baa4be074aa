import { join } from 'node:path';
import { HttpControllerApi, readControllerFile } from '@tacet/cli';
import { type LabStage, openLabStage } from '@tacet/demo';
import { containerStates, type Guest, labObstacle, openLab, stack } from '@tacet/lab';
import {
  type Backup,
  backupListSchema,
  eventListSchema,
  type Guest as GuestView,
  guestListSchema,
  type Operation,
  operationSchema,
} from '@tacet/protocol';
import { systemClock } from '@tacet/runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';

const obstacle = labObstacle();
const never = new AbortController().signal;
const patienceMs = 180_000;
const vmid = 101;
const copy = 201;
const silent = 202;
const scratch = 231;
const marker = '/root/marker';
const allRunning = Object.fromEntries(stack.services.map((service) => [service, 'running']));

describe.skipIf(obstacle !== undefined)(
  `a real guest that is put back${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let stage: LabStage;
    let http: HttpControllerApi;

    beforeAll(async () => {
      const signal = AbortSignal.timeout(1_700_000);
      const lab = cleanup.use(await openLab({ signal }));
      const configuration = {
        readyDeadlineMs: 120_000,
        drill: {
          vmids: { from: scratch, to: scratch },
          // The lab has one bridge, which leads to the controller: that it leads nowhere else is not shown here.
          network: { policy: 'bridge', bridge: 'vmbr0', address: 'dhcp' },
        },
      } as const;
      stage = cleanup.use(await openLabStage({ lab, leaseMs: 15_000, configuration, signal }));
      for (const made of [scratch, silent]) cleanup.defer(() => lab.guest(made)?.destroy());
      await connectApi();
    });
    afterAll(() => cleanup.disposeAsync());

    beforeEach(() => {
      onTestFailed(async () => {
        for (const one of stage.lab.guests()) {
          if ((await one.status()) !== 'running') continue;
          const { stdout } = await one.exec(['journalctl', '-u', 'tacet-agent', '-n', '40', '-o', 'cat']);
          process.stderr.write(`--- the agent of guest ${one.vmid}\n${stdout}\n`);
        }
      });
    });

    it('under another VMID while it runs, and its session goes on untouched', async () => {
      await expectReady(vmid);
      await flow(vmid);
      const { verdict } = await backUp();
      const sessions = await sessionsOf(vmid);
      const restored = await ended(await post('restores', { to: copy }));
      expect(restored).toMatchObject({ state: 'succeeded', restoredTo: copy, error: null });
      expect(stepOf(restored, 'config')).toBe('as in the backup: unprivileged, nesting=1, keyctl=1');
      await expectReady(copy);
      await expectRunning(guest(copy));
      const missing = await stage.writes.missingIn(copy, verdict.proof?.thawSentAt ?? 0);
      expect(missing.map(({ stream, missing: lost }) => [stream, lost])).toEqual([
        ['postgres', 0],
        ['redis', 0],
      ]);
      expect(await sessionsOf(vmid)).toBe(sessions);
      await expectReady(vmid);
      // It has shown what it had to, and the next one needs the machine. Its node still knows it.
      await guest(copy).stop();
    });

    it('with its link down, so that it reaches nobody, and nobody waits for its word', async () => {
      await backUp();
      const restored = await ended(await post('restores', { to: silent, network: { policy: 'link-down' } }));
      expect(restored).toMatchObject({ state: 'succeeded', restoredTo: silent });
      expect(stepOf(restored, 'not-awaited')).toContain('nobody can ask');
      const { stdout } = await guest(silent).exec(['cat', '/sys/class/net/eth0/carrier']);
      expect(stdout.trim()).toBe('0');
      await guest(silent).stop();
    });

    it('in place, with a safety backup of what it was', async () => {
      await guest(vmid).writeFile(marker, 'backed up');
      const chosen = await backUp();
      await guest(vmid).writeFile(marker, 'damaged since');
      const operation = await ended(await post('restores', { to: vmid, replace: true, backupId: chosen.id }));
      expect(operation).toMatchObject({ state: 'succeeded', restoredTo: vmid, error: null });
      expect(operation.backup?.verdict.consistency).toBe('app');
      await expectReady(vmid);
      expect(await markerOf()).toBe('backed up');
      await expectRunning(guest(vmid));
      await flow(vmid);

      // What it was before is not lost.
      const back = await ended(
        await post('restores', { to: vmid, replace: true, safety: 'none', backupId: operation.backup?.id }),
      );
      expect(back).toMatchObject({ state: 'succeeded', backup: null });
      expect(await markerOf()).toBe('damaged since');
      await expectReady(vmid);
    });

    it('by a rollback to a snapshot that was taken before a change', async () => {
      await guest(vmid).writeFile(marker, 'before the upgrade');
      await flow(vmid);
      const taken = await ended(await post('snapshots', { before: 'upgrade the shop' }));
      expect(taken).toMatchObject({ state: 'succeeded', snapshot: { name: 'before-upgrade-the-shop' } });
      expect(taken.snapshot?.verdict).toMatchObject({ consistency: 'app', reason: 'HoldSpansSnapshot' });
      await guest(vmid).writeFile(marker, 'the upgrade went wrong');
      const rolled = await ended(await post('rollbacks', {}));
      expect(rolled).toMatchObject({ state: 'succeeded', kind: 'rollback', error: null });
      expect(await markerOf()).toBe('before the upgrade');
      await expectReady(vmid);
      await expectRunning(guest(vmid));
      await flow(vmid);
    });

    it('by a drill, which proves the backup and leaves no scratch guest', async () => {
      await guest(vmid).writeFile(marker, 'proven');
      await backUp();
      const sessions = await sessionsOf(vmid);
      const operation = await ended(await post('drills', {}));
      expect(operation).toMatchObject({ state: 'succeeded', kind: 'drill', error: null });
      expect(stage.lab.guest(scratch)).toBeUndefined();
      const [newest] = await backups();
      expect(newest?.drill).toMatchObject({ outcome: 'proven', scratchVmid: scratch });
      process.stderr.write(`the drill: ${newest?.drill?.message}\n`);
      expect(await sessionsOf(vmid)).toBe(sessions);
      expect((await guests()).map((one) => one.vmid)).not.toContain(scratch);
      await expectReady(vmid);
    });

    it('by a drill, which a kill -9 of the controller in its middle does not make leave anything', async () => {
      await post('drills', {});
      await expect.poll(async () => await statusOf(scratch), { timeout: patienceMs }).toBe('running');
      await stage.controller.kill();
      await stage.controller.start(AbortSignal.timeout(patienceMs));
      await connectApi();
      await expect.poll(() => stage.lab.guest(scratch), { timeout: patienceMs }).toBeUndefined();
      await expectReady(vmid);
      const [newest] = await backups();
      // It has shown nothing that would make the one before it less true.
      expect(newest?.drill).toMatchObject({ outcome: 'proven' });
    });

    it('by a drill, which fails on a backup that was made with a broken database', async () => {
      // A running server does not look at it; one that starts refuses to.
      const db = `${stack.project}-db-1`;
      const breakIt = 'echo 9 > "$PGDATA/PG_VERSION"';
      const { exitCode, stderr } = await guest(vmid).exec(['docker', 'exec', db, 'sh', '-c', breakIt]);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      const broken = await backUp();
      expect(broken.verdict.consistency).toBe('app');
      const operation = await ended(await post('drills', { backupId: broken.id }));
      expect(operation).toMatchObject({ state: 'failed', kind: 'drill' });
      process.stderr.write(`the drill of a broken database: ${operation.error?.message}\n`);
      expect(operation.error?.message).toMatch(/db/);
      expect(stage.lab.guest(scratch)).toBeUndefined();
      const [newest] = await backups();
      expect(newest).toMatchObject({ id: broken.id, drill: { outcome: 'failed', readyAfterMs: null } });
    });

    it('onto an empty host, by nobody but itself: the controller is gone', async () => {
      // The last one that is whole.
      const chosen = (await backups()).find(({ drill }) => drill?.outcome === 'proven');
      const file = /backup\/(.+)$/.exec(chosen?.volid ?? '')?.[1] ?? '';
      const archive = join(stage.lab.scratchDirectory, 'local', 'dump', file);
      await stage.controller.kill();
      await guest(vmid).destroy();
      const alone = await stage.lab.restoreGuest({ vmid, archive });
      await alone.start();
      await alone.waitForEngine(never);
      await expectRunning(alone);
      const own = await expectOwnWord(alone, (open) =>
        open.every((one) => one === 'IdentityVerified=Unknown'),
      );
      process.stderr.write(`alone on an empty host: Ready=True, ${own.join(', ')}\n`);
      await flow(vmid);

      await stage.controller.start(AbortSignal.timeout(patienceMs));
      await connectApi();
      await expectReady(vmid);
      expect(await markerOf()).toBe('proven');
    });

    async function connectApi(): Promise<void> {
      http = cleanup.use(new HttpControllerApi(await readControllerFile(stage.controllerFile)));
    }

    async function post(what: string, body: object): Promise<Operation> {
      return await http.post(operationSchema, `/guests/${vmid}/${what}`, body, never);
    }

    async function ended({ id }: Operation): Promise<Operation> {
      for (const until = Date.now() + 400_000; Date.now() < until; await systemClock.sleep(250)) {
        const operation = await http.get(operationSchema, `/operations/${id}`, never);
        if (operation.state !== 'running') return operation;
      }
      throw new Error(`operation ${id} did not end`);
    }

    async function backUp(): Promise<Backup> {
      await expectReady(vmid);
      const { backup, error } = await ended(await post('backups', {}));
      if (backup === null) throw new Error(`no backup was made: ${error?.message}`);
      expect(backup.verdict).toMatchObject({ consistency: 'app' });
      return backup;
    }

    async function backups(): Promise<Backup[]> {
      return (await http.get(backupListSchema, `/backups?vmid=${vmid}`, never)).backups;
    }

    async function guests(): Promise<GuestView[]> {
      return (await http.get(guestListSchema, '/guests', never)).guests;
    }

    async function sessionsOf(of: number): Promise<number> {
      let count = 0;
      for (let after = 0; ;) {
        const page = await http.get(eventListSchema, `/events?after=${after}&limit=500`, never);
        count += page.events.filter((event) => event.vmid === of && event.type === 'session.opened').length;
        if (page.events.length === 0) return count;
        after = page.next;
      }
    }

    /** By its agent's own word over a session that is open now. */
    async function expectReady(of: number): Promise<void> {
      const readyOf = async (): Promise<string> => {
        const found = (await guests()).find((one) => one.vmid === of && one.identity === 'enrolled');
        const ready = found?.conditions.find(({ type }) => type === 'Ready');
        return found?.connected === true ? `${ready?.status}: ${ready?.message}` : 'away';
      };
      await expect.poll(readyOf, { timeout: patienceMs, interval: 500 }).toMatch(/^True/);
    }

    async function flow(of: number): Promise<void> {
      await stage.writes.flowing(of, AbortSignal.timeout(patienceMs));
    }

    async function markerOf(): Promise<string> {
      return (await guest(vmid).readFile(marker)).toString();
    }

    async function statusOf(of: number): Promise<string | undefined> {
      return await stage.lab.guest(of)?.status();
    }

    function guest(of: number): Guest {
      const found = stage.lab.guest(of);
      if (found === undefined) throw new Error(`the lab has no guest ${of}`);
      return found;
    }
  },
);

/** What the agent says in the guest itself of conditions that are not True. */
async function expectOwnWord(of: Guest, isGood: (open: string[]) => boolean): Promise<string[]> {
  let open: string[] = [];
  const look = async (): Promise<boolean> => {
    const { stdout } = await of.exec(['tacet-agent', 'status']);
    const lines = [...stdout.matchAll(/^([A-Z]\w+) +(True|False|Unknown)\b/gm)];
    open = lines.filter(([, , status]) => status !== 'True').map(([, type, status]) => `${type}=${status}`);
    return lines.length > 0 && isGood(open);
  };
  await expect.poll(look, { timeout: patienceMs, interval: 500, message: 'its own word' }).toBe(true);
  return open;
}

async function expectRunning(of: Guest): Promise<void> {
  await expect.poll(() => containerStates(of), { timeout: patienceMs, interval: 500 }).toEqual(allRunning);
}

function stepOf({ steps }: Operation, name: string): string | undefined {
  return steps.find((step) => step.name === name)?.message;
}
