import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConditionType, RequestMethod } from '@tacet/protocol';
import { deferred, silentLogger, systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Agent, journalDirOf, startAgent } from './agent.ts';
import { parseConfig } from './config.ts';
import { Journal } from './journal/journal.ts';
import { MemoryEngine, MemoryGuestHost } from './memory.ts';
import { type ControllerSession, type FakeController, fakeController } from './session/fake-controller.ts';
import { IdentityStore } from './session/identity-store.ts';

let undo: Undo;
let controller: FakeController;

beforeEach(async () => {
  undo = new Undo();
  controller = await fakeController();
  undo.defer(() => controller[Symbol.asyncDispose]());
});
afterEach(() => undo[Symbol.asyncDispose]());

const shop = () =>
  new MemoryEngine({
    containers: [
      { stack: 'shop', service: 'db', image: 'postgres:17', restartPolicy: 'no' },
      { stack: 'shop', service: 'cache', image: 'redis:8', restartPolicy: 'unless-stopped' },
      { stack: 'shop', service: 'web', image: 'nginx:1', restartPolicy: 'no', dependsOn: ['db'] },
      { stack: 'shop', service: 'old', image: 'busybox', restartPolicy: 'on-failure', state: 'exited' },
    ],
  });

async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tacet-agent-'));
  undo.defer(() => rm(dir, { recursive: true }));
  return dir;
}

interface Started {
  engine: MemoryEngine;
  vmid?: number;
  stateDir: string;
  bootId?: string;
  config?: object;
}

async function start({ engine, vmid = 101, stateDir, bootId, config = {} }: Started): Promise<Agent> {
  const agent = await startAgent({
    engine,
    guestHost: new MemoryGuestHost({ engine, incarnation: { vmid }, ...(bootId && { bootId }) }),
    config: parseConfig({ stateDir, ...config }),
    log: silentLogger,
  });
  undo.defer(() => agent[Symbol.asyncDispose]());
  return agent;
}

async function enrolled(): Promise<string> {
  const stateDir = await temporaryDir();
  const store = new IdentityStore(stateDir, { log: silentLogger, clock: systemClock });
  await store.save({
    version: 1,
    controllerUrl: controller.url,
    fingerprint: controller.fingerprint,
    credential: 'the-credential',
    vmid: 101,
  });
  return stateDir;
}

async function ask(session: ControllerSession, id: number, method: RequestMethod, params: object) {
  session.send({ kind: 'request', id, method, params });
  return await Promise.race([
    session.frame('result', (frame) => frame.id === id),
    session.frame('error', (frame) => frame.id === id),
  ]);
}

const condition = (agent: Agent, type: ConditionType) =>
  agent.status().conditions.find((one) => one.type === type);

async function becomes(agent: Agent, type: ConditionType, status: string, reason?: string): Promise<void> {
  const endsAt = Date.now() + 15_000;
  const isSo = () => {
    const now = condition(agent, type);
    return now?.status === status && (reason === undefined || now.reason === reason);
  };
  while (!isSo()) {
    if (Date.now() > endsAt)
      throw new Error(`${type} did not become ${status}: ${JSON.stringify(agent.status(), null, 1)}`);
    await systemClock.sleep(10);
  }
}

const stateOf = async (engine: MemoryEngine, name: string) =>
  (await engine.containers(AbortSignal.timeout(1_000))).find(({ id }) => id === engine.idOf(name));

async function standingSays(stateDir: string, service: string, state: string): Promise<void> {
  const journal = new Journal(journalDirOf(stateDir));
  const said = async () =>
    (await journal.readStanding())?.services.find((one) => one.service === service)?.state;
  await expect.poll(said, { timeout: 15_000 }).toBe(state);
}

/** As vzdump does it: disk and engine at one instant, while the guest is held. */
async function backUpWhileHeld(session: ControllerSession, engine: MemoryEngine, stateDir: string) {
  const operationId = 'op-1';
  expect(await ask(session, 1, 'prepare', { operationId, deadlineMs: 5_000 })).toMatchObject({
    kind: 'result',
  });
  const hold = await ask(session, 2, 'hold', { operationId, leaseMs: 20_000, deadlineMs: 5_000 });
  expect(hold).toMatchObject({ kind: 'result' });
  const copy = await temporaryDir();
  await cp(stateDir, copy, { recursive: true });
  const capture = engine.capture();
  expect(await ask(session, 3, 'thaw', { operationId })).toMatchObject({
    result: { releasedBy: 'controller', thawed: true },
  });
  return { stateDir: copy, engine: MemoryEngine.fromCapture(capture) };
}

describe('an agent', () => {
  it('says that its guest is ready, over its session', async () => {
    const agent = await start({ engine: shop(), stateDir: await enrolled() });
    const session = await controller.nextSession();
    await session.welcome();
    await becomes(agent, 'Ready', 'True');
    const { status } = await session.frame('status', ({ status: { conditions } }) =>
      conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
    expect(status.services).toHaveLength(4);
  });

  it('cannot be sure of its identity without a controller, and serves all the same', async () => {
    const agent = await start({ engine: shop(), stateDir: await temporaryDir() });
    await becomes(agent, 'StacksRunning', 'True');
    await becomes(agent, 'DatabasesAccepting', 'True');
    await becomes(agent, 'Ready', 'Unknown', 'NotEnrolled');
    expect(condition(agent, 'IdentityVerified')).toMatchObject({ status: 'Unknown', reason: 'NotEnrolled' });
  });

  it('says so when a service stops being healthy or the engine goes away, and when that is over', async () => {
    const engine = shop();
    const agent = await start({ engine, stateDir: await temporaryDir() });
    await becomes(agent, 'EngineReachable', 'True');
    const heal = engine.inject({ call: 'containers', effect: new Error('the daemon is gone') });
    await engine.setRestartPolicy(engine.idOf('shop/web'), 'always', AbortSignal.timeout(1_000));
    await becomes(agent, 'EngineReachable', 'False');
    expect(condition(agent, 'StacksRunning')?.status).toBe('Unknown');
    heal();
    await becomes(agent, 'EngineReachable', 'True');
  });
});

describe('a guest restored from a backup that was taken while it was held', () => {
  it('comes back as an adopted guest with everything that ran, and nothing that did not', async () => {
    const engine = shop();
    const stateDir = await enrolled();
    await start({ engine, stateDir });
    const original = await controller.nextSession();
    await original.welcome();
    const copy = await backUpWhileHeld(original, engine, stateDir);
    expect((await stateOf(copy.engine, 'shop/db'))?.state).toBe('exited');

    const agent = await start({ ...copy, vmid: 201 });
    const session = await controller.nextSession();
    await session.welcome({ identity: { kind: 'adopted', vmid: 201, credential: 'another' } });
    await session.frame('event', ({ event }) => event.type === 'heal.finished');
    await becomes(agent, 'Ready', 'True');
    const states = await Promise.all(
      ['db', 'cache', 'web', 'old'].map(async (name) => {
        const found = await stateOf(copy.engine, `shop/${name}`);
        return `${name} ${found?.state} ${found?.restartPolicy}`;
      }),
    );
    expect(states).toEqual([
      'db running unless-stopped',
      'cache running unless-stopped',
      'web running unless-stopped',
      'old exited on-failure',
    ]);
    const steps = session.frames.flatMap((frame) =>
      frame.kind === 'event' && frame.event.type === 'heal.step' ? [frame.event.message] : [],
    );
    expect(steps).toContain('stopped shop/old: it was exited on purpose when the backup was made');
    expect(steps.findIndex((step) => step.startsWith('started shop/db'))).toBeLessThan(
      steps.findIndex((step) => step.startsWith('started shop/web')),
    );
  });

  it('is not healed again at its next start', async () => {
    const engine = shop();
    const stateDir = await enrolled();
    await start({ engine, stateDir });
    const original = await controller.nextSession();
    await original.welcome();
    const copy = await backUpWhileHeld(original, engine, stateDir);
    const first = await start({ ...copy, vmid: 201, config: { healGraceMs: 0 } });
    await becomes(first, 'StacksRunning', 'True');
    const session = await controller.nextSession();
    await session.welcome();
    await session.frame('event', ({ event }) => event.type === 'heal.finished');
    await copy.engine.stop(copy.engine.idOf('shop/web'), 0, AbortSignal.timeout(1_000));
    await standingSays(copy.stateDir, 'web', 'exited');
    await first[Symbol.asyncDispose]();

    const second = await start({ ...copy, vmid: 201, bootId: 'the-next-boot' });
    await becomes(second, 'StacksRunning', 'True');
    expect((await stateOf(copy.engine, 'shop/web'))?.state).toBe('exited');
  });

  it('heals without its controller after the grace period', async () => {
    const engine = shop();
    const stateDir = await enrolled();
    await start({ engine, stateDir });
    const original = await controller.nextSession();
    await original.welcome();
    const copy = await backUpWhileHeld(original, engine, stateDir);
    await controller[Symbol.asyncDispose]();
    const agent = await start({ ...copy, config: { healGraceMs: 200 } });
    await becomes(agent, 'StacksRunning', 'True');
    expect((await stateOf(copy.engine, 'shop/db'))?.state).toBe('running');
    await becomes(agent, 'Ready', 'True');
    expect(condition(agent, 'IdentityVerified')).toMatchObject({
      status: 'Unknown',
      reason: 'ControllerAway',
    });
    controller = await fakeController();
    undo.defer(() => controller[Symbol.asyncDispose]());
  });

  it('heals in quarantine too, but is neither ready nor to be backed up', async () => {
    const engine = shop();
    const stateDir = await enrolled();
    await start({ engine, stateDir });
    const original = await controller.nextSession();
    await original.welcome();
    const copy = await backUpWhileHeld(original, engine, stateDir);
    const agent = await start({ ...copy, vmid: 202 });
    const session = await controller.nextSession();
    await session.welcome({ identity: { kind: 'quarantined', reason: 'nobody ordered this copy' } });
    await session.frame('event', ({ event }) => event.type === 'heal.finished');
    await becomes(agent, 'StacksRunning', 'True');
    await becomes(agent, 'Ready', 'False', 'Quarantined');
    expect(await ask(session, 1, 'prepare', { operationId: 'op', deadlineMs: 1 })).toMatchObject({
      error: { code: 'guest-quarantined' },
    });
  });

  it('says what it could not bring back, and is not ready', async () => {
    const engine = shop();
    const stateDir = await enrolled();
    await start({ engine, stateDir });
    const original = await controller.nextSession();
    await original.welcome();
    const copy = await backUpWhileHeld(original, engine, stateDir);
    copy.engine.remove(copy.engine.idOf('shop/cache'));
    const agent = await start({ ...copy, vmid: 201, config: { healGraceMs: 0 } });
    const session = await controller.nextSession();
    await session.welcome();
    await session.frame('event', ({ event }) => event.type === 'heal.finished');
    await becomes(agent, 'Ready', 'False');
    expect(condition(agent, 'StacksRunning')?.message).toContain('shop/cache: its container');
    expect((await stateOf(copy.engine, 'shop/web'))?.state).toBe('running');
  });
});

describe('a plain reboot', () => {
  it('starts nothing that the engine did not start by itself', async () => {
    const engine = shop();
    const stateDir = await enrolled();
    const before = await start({ engine, stateDir });
    const session = await controller.nextSession();
    await session.welcome();
    await backUpWhileHeld(session, engine, stateDir);
    await before[Symbol.asyncDispose]();
    const rebooted = MemoryEngine.fromCapture(engine.capture());
    const agent = await start({ engine: rebooted, stateDir });
    await becomes(agent, 'EngineReachable', 'True');
    await becomes(agent, 'StacksRunning', 'True');
    expect((await stateOf(rebooted, 'shop/db'))?.state).toBe('exited');
  });

  it('brings back what the engine should have, and keeps stopped what somebody stopped', async () => {
    const engine = shop();
    await engine.setRestartPolicy(engine.idOf('shop/web'), 'always', AbortSignal.timeout(1_000));
    const stateDir = await enrolled();
    const before = await start({ engine, stateDir });
    await becomes(before, 'StacksRunning', 'True');
    await engine.stop(engine.idOf('shop/web'), 0, AbortSignal.timeout(1_000));
    await standingSays(stateDir, 'web', 'exited');
    await standingSays(stateDir, 'cache', 'running');
    await before[Symbol.asyncDispose]();
    // Nobody watched: another tool's backup.
    await engine.stop(engine.idOf('shop/cache'), 0, AbortSignal.timeout(1_000));
    const rebooted = MemoryEngine.fromCapture(engine.capture());
    expect((await stateOf(rebooted, 'shop/web'))?.state).toBe('running');

    await start({ engine: rebooted, stateDir });
    const states = async () =>
      await Promise.all(
        ['db', 'cache', 'web', 'old'].map(
          async (name) => `${name} ${(await stateOf(rebooted, `shop/${name}`))?.state}`,
        ),
      );
    await expect
      .poll(states, { timeout: 15_000 })
      .toEqual(['db exited', 'cache running', 'web exited', 'old exited']);
  });
});

describe('an engine that was restarted', () => {
  it('is not taken for ready before it has brought back what ran', async () => {
    const engine = shop();
    const stateDir = await enrolled();
    const agent = await start({ engine, stateDir });
    await becomes(agent, 'StacksRunning', 'True');
    await standingSays(stateDir, 'cache', 'running');

    const comeUp = engine.goAway([engine.idOf('shop/cache')]);
    await becomes(agent, 'EngineReachable', 'False');
    const held = deferred();
    engine.inject({ call: 'start', effect: held.promise, times: 1 });
    comeUp();
    await becomes(agent, 'EngineReachable', 'True');
    await becomes(agent, 'StacksRunning', 'False', 'Healing');
    expect(condition(agent, 'StacksRunning')?.message).toContain('shop/cache');
    held.resolve();
    await becomes(agent, 'StacksRunning', 'True');
    expect((await stateOf(engine, 'shop/cache'))?.state).toBe('running');
    expect((await stateOf(engine, 'shop/db'))?.state).toBe('exited');
  });
});
