import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Guest,
  type Lab,
  labObstacle,
  lxcInitPid,
  openAckCollector,
  openLab,
  startStack,
} from '@tacet/lab';
import type { AckCollector } from '@tacet/lab';
import { createLogger, prettySink, systemClock } from '@tacet/runtime';
import type { Event } from '@tacet/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { discover } from '@tacet/agent/src/discovery/compose.ts';
import { DockerEngine } from '@tacet/agent/src/engine/docker-engine.ts';
import type { EngineContainer } from '@tacet/agent/src/engine/engine.ts';
import { CgroupFreezer } from '@tacet/agent/src/guest/cgroup-freezer.ts';
import { CgroupProcesses } from '@tacet/agent/src/guest/cgroup-processes.ts';
import type { GuestHost } from '@tacet/agent/src/guest/guest.ts';
import { Journal } from '@tacet/agent/src/journal/journal.ts';
import { newGenericHold } from '@tacet/agent/src/methods/make-method.ts';
import type { MethodPorts, ServiceHold } from '@tacet/agent/src/methods/method.ts';
import { QuiesceCoordinator } from '@tacet/agent/src/quiesce/coordinator.ts';

// The agent's adapter and methods against a real engine, from outside of the guest: a unix socket, procfs and
// cgroups of a container can be reached through its init's root.

const obstacle = labObstacle();
const within = (ms: number) => AbortSignal.timeout(ms);
const logger = createLogger({
  sink: prettySink((line) => process.stderr.write(line), { colour: false }),
  level: 'warn',
});

/** `/proc/<pid>/cgroup` is told from the reader's cgroup namespace, which here is not the guest's. */
function freezerFromOutside(root: string): CgroupFreezer {
  const freezer = new CgroupFreezer({ procPath: `${root}/proc`, cgroupPath: `${root}/sys/fs/cgroup` });
  const seen = freezer.cgroupOf.bind(freezer);
  freezer.cgroupOf = async (pid) => (await seen(pid)).replace(/\/lxc\.payload\.[^/]+/, '');
  return freezer;
}

describe.skipIf(obstacle !== undefined)(
  `the agent and a real engine${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let lab: Lab;
    let guest: Guest;
    let collector: AckCollector;
    let engine: DockerEngine;
    let host: GuestHost;
    let ports: MethodPorts;
    let directory: string;
    const events: Event[] = [];

    beforeAll(async () => {
      lab = cleanup.use(await openLab({ signal: within(1_700_000) }));
      collector = cleanup.use(await openAckCollector({ file: join(lab.scratchDirectory, 'acks.jsonl') }));
      guest = await lab.createGuest({ vmid: 131, hostname: 'engine-test' });
      await guest.start();
      await guest.waitForEngine(within(60_000));
      await startStack(guest);
      const root = `/proc/${await lxcInitPid(guest.vmid)}/root`;
      engine = new DockerEngine({ socketPath: `${root}/run/docker.sock` });
      host = {
        bootId: async () => 'boot-of-this-test',
        incarnation: async () => ({ vmid: 131, macs: [], machineId: 'm', hostname: 'engine-test' }),
        syncFilesystems: () => guest.syncfs(),
        freezer: freezerFromOutside(root),
        processes: new CgroupProcesses({ procPath: `${root}/proc` }),
        mounts: async () => [],
      };
      const { freezer, processes } = host;
      ports = { engine, freezer, processes, clock: systemClock, logger };
      await flows();
    });
    afterAll(() => cleanup.disposeAsync());

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'tacet-agent-engine-'));
      events.length = 0;
    });
    afterEach(async () => {
      await rm(directory, { recursive: true });
      await flows();
    });

    const newAgent = (): QuiesceCoordinator =>
      new QuiesceCoordinator({
        engine,
        host,
        journal: new Journal(directory, { logger }),
        agentVersion: '0.0.0-test',
        emit: (event) => events.push(event),
        logger,
      });

    async function flows(): Promise<void> {
      await Promise.all(
        (['postgres', 'redis'] as const).map((stream) =>
          collector.next(stream, guest.address(), within(60_000)),
        ),
      );
    }

    /** Fails when an acknowledgement arrives; those that were on their way get the first moment. */
    async function standsStill(stream: 'postgres' | 'redis', ms = 500): Promise<void> {
      await systemClock.sleep(50);
      await expect(collector.next(stream, guest.address(), within(ms))).rejects.toThrow('timeout');
    }

    async function container(service: string): Promise<EngineContainer> {
      const found = discover(await engine.containers(within(10_000))).find((one) => one.service === service);
      if (!found) throw new Error(`no service ${service}`);
      return found.container;
    }

    async function genericHold(service: string, action: 'freeze' | 'pause'): Promise<ServiceHold> {
      const { id, pid } = await container(service);
      const cgroup = await host.freezer.cgroupOf(pid);
      const record = { stack: 'shop', service, containerId: id, action, method: action, cgroup };
      return newGenericHold(record, ports);
    }

    describe('the adapter', () => {
      it('sees the containers as they are', async () => {
        expect(await engine.version(within(5_000))).toMatch(/^\d+\./);
        const services = discover(await engine.containers(within(10_000)));
        expect(services.map(({ stack, service }) => `${stack}/${service}`)).toEqual([
          'shop/cache',
          'shop/db',
          'shop/web',
          'shop/writer',
        ]);
        expect(
          services.map(({ container: { state, health, restartPolicy } }) => [state, health, restartPolicy]),
        ).toEqual([
          ['running', 'healthy', 'always'],
          ['running', 'healthy', 'unless-stopped'],
          ['running', 'none', 'no'],
          ['running', 'none', 'no'],
        ]);
        expect(services[3]?.dependsOn).toEqual([
          { service: 'cache', condition: 'service_healthy' },
          { service: 'db', condition: 'service_healthy' },
        ]);
        expect(services.every(({ container: { pid } }) => pid > 1)).toBe(true);
        expect(services[0]?.container.command).toContain('--requirepass');
      });

      it('takes what is already so for done', async () => {
        const { id } = await container('web');
        await engine.start(id, within(10_000));
        await engine.unpause(id, within(10_000));
        await engine.pause(id, within(10_000));
        await engine.pause(id, within(10_000));
        expect((await container('web')).state).toBe('paused');
        await engine.unpause(id, within(10_000));
        await engine.unpause(id, within(10_000));
        await engine.stop(id, 5_000, within(20_000));
        await engine.stop(id, 5_000, within(20_000));
        // A restored copy's journal can ask for this.
        await engine.unpause(id, within(10_000));
        expect((await container('web')).state).toBe('exited');
        await engine.start(id, within(10_000));
        await engine.start(id, within(10_000));
        await engine.setRestartPolicy(id, 'on-failure', within(10_000));
        expect(await container('web')).toMatchObject({ state: 'running', restartPolicy: 'on-failure' });
        await engine.setRestartPolicy(id, 'no', within(10_000));
      });

      it('says what is missing, and what does not answer', async () => {
        await expect(engine.pause('f'.repeat(64), within(5_000))).rejects.toMatchObject({
          code: 'not-found',
        });
        const nobody = new DockerEngine({ socketPath: join(directory, 'docker.sock') });
        await expect(nobody.containers(within(5_000))).rejects.toMatchObject({ code: 'engine-unreachable' });
      });

      it('runs a program to its end, with both outputs and what it was given', async () => {
        const { id } = await container('cache');
        const script = 'echo "$SECRET"; id -un; echo oops >&2; exit 7';
        const request = { argv: ['sh', '-c', script], env: { SECRET: 'pst' }, user: 'nobody' };
        expect(await engine.exec(id, request, within(10_000))).toEqual({
          exitCode: 7,
          stdout: 'pst\nnobody\n',
          stderr: 'oops\n',
        });
        const long = await engine.exec(
          id,
          { argv: ['sh', '-c', 'head -c 5000000 /dev/zero'] },
          within(20_000),
        );
        expect([long.exitCode, long.stdout.length]).toEqual([0, 1024 * 1024]);
      });

      it('does not wait for a program longer than it is told to', async () => {
        const { id } = await container('cache');
        const startedAt = Date.now();
        const reason = new Error('enough');
        const enough = new AbortController();
        setTimeout(() => enough.abort(reason), 300);
        await expect(engine.exec(id, { argv: ['sleep', '30'] }, enough.signal)).rejects.toBe(reason);
        expect(Date.now() - startedAt).toBeLessThan(5_000);
      });

      it('keeps a client open, line by line, until it ends', async () => {
        const { id } = await container('cache');
        await using session = await engine.openSession(id, { argv: ['sh'] }, within(10_000));
        expect(await session.ask('echo one; echo two', (line) => line === 'two', within(5_000))).toEqual([
          'one',
          'two',
        ]);
        expect(await session.ask('echo three', () => true, within(5_000))).toEqual(['three']);
        const last = session.ask('echo no more >&2; exit 1', () => true, within(5_000));
        await expect(last).rejects.toThrow('the client has ended: no more');
        await expect(session.ask('echo four', () => true, within(5_000))).rejects.toThrow('ended');
      });

      it('hears of changes, and not of health checks', async () => {
        const { id } = await container('web');
        const end = new AbortController();
        const changes = engine.changes(end.signal);
        // It says that it listens.
        await changes.next();
        const first = changes.next();
        // The health checks of db and cache come every two seconds.
        await expect(
          Promise.race([first, systemClock.sleep(5_000).then(() => Promise.reject(new Error('quiet')))]),
        ).rejects.toThrow('quiet');
        await engine.pause(id, within(5_000));
        expect((await first).done).toBe(false);
        await engine.unpause(id, within(5_000));
        expect((await changes.next()).done).toBe(false);
        const next = changes.next();
        end.abort(new Error('over'));
        await expect(next).rejects.toThrow('over');
      });
    });

    describe('pause and freeze', () => {
      it('a paused container goes on although the engine hangs, and is right again when it is back', async () => {
        const hold = await genericHold('writer', 'pause');
        await hold.hold(30_000, within(10_000));
        await standsStill('postgres');
        const pid = (await guest.exec(['pidof', 'dockerd'])).stdout.trim();
        await guest.exec(['kill', '-STOP', pid]);
        try {
          await expect(hold.thaw(within(1_000))).rejects.toThrow('timeout');
          await flows();
        } finally {
          await guest.exec(['kill', '-CONT', pid]);
        }
        await hold.thaw(within(10_000));
        expect((await container('writer')).state).toBe('running');
      });

      it('the engine does not notice a freeze, and a killed container is not held any more', async () => {
        const hold = await genericHold('web', 'freeze');
        const { containerId } = hold.record;
        await hold.hold(30_000, within(10_000));
        expect((await container('web')).state).toBe('running');
        expect(await hold.isHeld(within(1_000))).toBe(true);
        await guest.exec(['docker', 'kill', containerId]);
        expect(await hold.isHeld(within(1_000))).toBe(false);
        await hold.thaw(within(5_000));
        await engine.start(containerId, within(10_000));
      });
    });

    describe('the whole', () => {
      const operationId = 'op-1';

      it('holds the stack, snapshots it, and thaws it with every service intact', async () => {
        await using agent = newAgent();
        const prepared = await agent.prepare({ operationId, deadlineMs: 60_000 });
        expect(prepared.failures).toEqual([]);
        const held = await agent.hold({ operationId, leaseMs: 30_000, deadlineMs: 10_000 });
        await Promise.all([standsStill('postgres'), standsStill('redis')]);
        await guest.snapshot('held');
        const from = performance.now();
        const thawed = await agent.thaw({ operationId });
        const thawMs = Math.round(performance.now() - from);
        expect(thawed).toMatchObject({ releasedBy: 'controller', thawed: true, failures: [] });
        expect(thawed.services.map(({ intactUntilThaw }) => intactUntilThaw)).toEqual([
          true,
          true,
          true,
          true,
        ]);
        await flows();
        const first = Math.min(...held.services.map(({ holdStartedAt }) => holdStartedAt));
        console.log(
          `whole: prepare ${Math.round(prepared.prepareMs)} ms, hold ${held.heldAt - first} ms, thaw ${thawMs} ms`,
        );
      });

      it('stalls writers only for as long as it holds', async () => {
        const stalls: number[] = [];
        for (let round = 0; round < 5; round += 1) {
          const agent = newAgent();
          const id = `round-${round}`;
          await agent.prepare({ operationId: id, deadlineMs: 60_000 });
          await flows();
          const from = Date.now();
          await agent.hold({ operationId: id, leaseMs: 30_000, deadlineMs: 10_000 });
          await agent.thaw({ operationId: id });
          await flows();
          await flows();
          const window = { from: from - 20, to: Date.now(), guestAddress: guest.address() };
          stalls.push(collector.longestGap('postgres', window), collector.longestGap('redis', window));
        }
        console.log(`stall of hold and thaw at once, postgres and redis in turn: ${stalls.join(', ')} ms`);
        expect(Math.max(...stalls)).toBeLessThan(5_000);
      });

      it('thaws at the end of the lease although the engine hangs', async () => {
        await using agent = newAgent();
        await agent.prepare({ operationId, deadlineMs: 60_000 });
        await agent.hold({ operationId, leaseMs: 2_000, deadlineMs: 10_000 });
        const pid = (await guest.exec(['pidof', 'dockerd'])).stdout.trim();
        await guest.exec(['kill', '-STOP', pid]);
        try {
          await standsStill('postgres', 1_000);
          await flows();
        } finally {
          await guest.exec(['kill', '-CONT', pid]);
        }
        await expect.poll(() => agent.state, { timeout: 60_000 }).toBe('idle');
        expect(await agent.thaw({ operationId })).toMatchObject({
          releasedBy: 'lease-expired',
          thawed: true,
        });
      });

      it('is thawed by the next process when the first one is gone', async () => {
        const killed = newAgent();
        await killed.prepare({ operationId, deadlineMs: 60_000 });
        await killed.hold({ operationId, leaseMs: 60_000, deadlineMs: 10_000 });
        await using fresh = newAgent();
        expect(await fresh.recover()).toMatchObject({ kind: 'thawing', sameBoot: true });
        expect(await fresh.thaw({ operationId })).toMatchObject({
          releasedBy: 'agent-restarted',
          thawed: true,
        });
        await flows();
        // What the killed one still believes does no harm.
        expect(await killed.thaw({ operationId })).toMatchObject({ thawed: true });
      });
    });
  },
);
