import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { GuestStatus } from '@tacet/protocol';
import { type Clock, ManualClock, silentLogger, systemClock, TacetError, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Regeneration } from '../identity/regeneration.ts';
import type { Regenerators } from '../identity/regenerators.ts';
import { Listeners } from '../listeners.ts';
import { EventLog } from './event-log.ts';
import { type FakeController, fakeController } from './fake-controller.ts';
import { IdentityHolder } from './identity-state.ts';
import { type Identity, identitySchema, IdentityStore } from './identity-store.ts';
import { connectPinned } from './pinned-tls.ts';
import type { AnswerRequest } from './requests.ts';
import { keepSession } from './session-loop.ts';

const otherFingerprint = Array.from({ length: 32 }, () => 'AA').join(':');

let stateDir: string;
let controller: FakeController;
let undo: Undo;

beforeEach(async () => {
  undo = new Undo();
  stateDir = await mkdtemp(join(tmpdir(), 'tacet-session-'));
  undo.defer(() => rm(stateDir, { recursive: true }));
  controller = await fakeController();
  undo.defer(() => controller[Symbol.asyncDispose]());
});
afterEach(() => undo[Symbol.asyncDispose]());

const identityOf = (more: Partial<Identity> = {}): Identity => ({
  version: 1,
  controllerUrl: controller.url,
  fingerprint: controller.fingerprint,
  credential: 'the-credential',
  vmid: 101,
  ...more,
});

/** An agent's session part, with everything around it in the test's hands. */
async function startAgentSession(
  options: {
    identity?: Identity | null;
    clock?: Clock;
    answer?: AnswerRequest;
    regenerators?: Regenerators;
  } = {},
) {
  const clock = options.clock ?? systemClock;
  const identities = new IdentityStore(stateDir, { log: silentLogger, clock });
  const saved = options.identity === undefined ? identityOf() : options.identity;
  if (saved) await identities.save(saved);
  const identity = new IdentityHolder();
  const events = new EventLog({ clock, log: silentLogger });
  const { regenerators } = options;
  const regeneration = new Regeneration({ identities, regenerators, events, clock, log: silentLogger });
  const changed = new Listeners();
  const status: GuestStatus = { quiesceState: 'idle', generation: 0, conditions: [], services: [] };
  const stop = new AbortController();
  const loop = keepSession(
    {
      agentVersion: '0.1.0',
      bootId: 'boot',
      incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'h' },
      status: { current: () => ({ ...status }), onChange: (listener) => changed.add(listener) },
      events,
      answer: options.answer ?? (async () => ({ waves: [], uncovered: [] })),
      clock,
      log: silentLogger,
      identities,
      identity,
      regeneration,
      random: () => 0.01,
    },
    stop.signal,
  );
  undo.defer(async () => {
    stop.abort();
    await loop;
    await regeneration.settled();
  });
  return { identity, identities, events, status, changed };
}

async function until(holds: () => boolean): Promise<void> {
  const endsAt = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > endsAt) throw new Error('it did not come about within 10 s');
    await systemClock.sleep(5);
  }
}

async function controllerSessionWith(messages: string[]) {
  const session = await controller.nextSession();
  await session.welcome();
  const sequences: number[] = [];
  for (const message of messages) {
    sequences.push((await session.frame('event', ({ event }) => event.message === message)).sequence);
  }
  expect(sequences).toEqual(sequences.toSorted((one, other) => one - other));
  return { socket: session.socket, sequences };
}

describe('a session', () => {
  it('opens with the credential, and the guest is verified by the welcome', async () => {
    const agent = await startAgentSession();
    const session = await controller.nextSession();
    expect(await session.frame('hello')).toMatchObject({ credential: 'the-credential', bootId: 'boot' });
    await session.welcome();
    await session.frame('event', ({ event }) => event.type === 'session.opened');
    expect(agent.identity.state).toEqual({ kind: 'verified', vmid: 101 });
  });

  it('sends nothing at all to a controller with another certificate', async () => {
    const agent = await startAgentSession({ identity: identityOf({ fingerprint: otherFingerprint }) });
    await until(() => agent.identity.state.kind === 'refused');
    await until(() => controller.seen.connections > 1);
    expect(controller.seen.receivedBytes).toBe(0);
  });

  it('reconnects after the controller was gone', async () => {
    await startAgentSession();
    const first = await controller.nextSession();
    await first.welcome();
    await first.frame('status');
    first.socket.terminate();
    const second = await controller.nextSession();
    await second.welcome();
    const { event } = await second.frame('event', (frame) => frame.event.type === 'session.closed');
    expect(event.message).toContain('ended');
  });

  it('keeps events of a time without a session, in their order, and repeats what nobody acknowledged', async () => {
    const agent = await startAgentSession({ identity: null });
    agent.events.emit('heal.started', 'first');
    agent.events.emit('heal.finished', 'second');
    await agent.identities.save(identityOf());
    const { socket, ...session } = await controllerSessionWith(['first', 'second']);
    agent.events.acknowledge(session.sequences[0] ?? 0);
    socket.terminate();
    const again = await controller.nextSession();
    await again.welcome();
    const repeated = await again.frame('event', ({ event }) => event.message === 'second');
    expect(repeated.sequence).toBe(session.sequences[1]);
    expect(again.frames.some((frame) => frame.kind === 'event' && frame.event.message === 'first')).toBe(
      false,
    );
  }, 20_000);

  it('forgets events that a heartbeat behind them has acknowledged', async () => {
    const agent = await startAgentSession();
    const session = await controller.nextSession();
    await session.welcome({ heartbeatMs: 20 });
    const { sequence } = await session.frame('heartbeat');
    expect(agent.events.pending(0)).not.toEqual([]);
    session.send({ kind: 'heartbeat-ack', sequence, ttlMs: 5_000 });
    await until(() => agent.events.pending(0).length === 0);
  });

  it('leaves out news that the protocol does not allow, and whoever made them does not suffer', async () => {
    const agent = await startAgentSession();
    const session = await controller.nextSession();
    await session.welcome();
    await session.frame('status');
    agent.events.add({ at: -1, type: 'heal.step', message: 'before all time', data: {} });
    agent.events.emit('heal.finished', 'behind it');
    const { event } = await session.frame('event', (frame) => frame.event.type.startsWith('heal'));
    expect(event.message).toBe('behind it');
  });

  it('never sends what the controller would end the session for, again and again', async () => {
    const agent = await startAgentSession({ answer: async () => ({ said: 'x'.repeat(2 ** 20) }) });
    const session = await controller.nextSession();
    await session.welcome();
    await session.frame('status');
    agent.events.emit('heal.step-failed', 'x'.repeat(2 ** 20));
    agent.events.emit('heal.finished', 'behind it');
    session.send({ kind: 'request', id: 1, method: 'plan', params: {} });
    expect(await session.frame('error')).toMatchObject({ id: 1, error: { message: /more than 1048576/ } });
    await session.frame('event', ({ event }) => event.message === 'behind it');
    expect(Math.max(...session.frames.map((frame) => JSON.stringify(frame).length))).toBeLessThan(2 ** 20);
  });

  it('cuts an error that is as long as a log', async () => {
    await startAgentSession({ answer: () => Promise.reject(new Error('x'.repeat(2 ** 21))) });
    const session = await controller.nextSession();
    await session.welcome();
    session.send({ kind: 'request', id: 1, method: 'plan', params: {} });
    expect((await session.frame('error')).error.message.length).toBeLessThan(10_000);
  });

  it('tells many changes at once in one frame with the newest picture', async () => {
    const agent = await startAgentSession();
    const session = await controller.nextSession();
    await session.welcome();
    await session.frame('status');
    for (let generation = 1; generation <= 50; generation += 1) {
      agent.status.generation = generation;
      agent.changed.notify();
    }
    await session.frame('status', ({ status }) => status.generation === 50);
    expect(session.frames.filter(({ kind }) => kind === 'status')).toHaveLength(2);
  });

  it('survives what is no frame, and answers a request that it does not know', async () => {
    await startAgentSession();
    const session = await controller.nextSession();
    await session.welcome();
    session.socket.send('{');
    session.socket.send(Buffer.from([1, 2, 3]));
    session.socket.send(JSON.stringify({ kind: 'news' }));
    session.socket.send(JSON.stringify({ kind: 'request', id: 7, method: 'reboot', params: {} }));
    expect(await session.frame('error')).toMatchObject({ id: 7, error: { code: 'invalid-input' } });
    session.send({ kind: 'request', id: 8, method: 'plan', params: {} });
    expect(await session.frame('result')).toMatchObject({ id: 8, result: { waves: [] } });
  });

  it('answers a failed request with its code and hint', async () => {
    await startAgentSession({
      answer: async () => {
        throw new TacetError('shop/db does not let go', {
          code: 'hold-failed',
          hint: 'look',
          retryable: true,
        });
      },
    });
    const session = await controller.nextSession();
    await session.welcome();
    session.send({ kind: 'request', id: 1, method: 'hold', params: {} });
    expect(await session.frame('error')).toMatchObject({
      error: { code: 'hold-failed', message: 'shop/db does not let go', hint: 'look', retryable: true },
    });
  });

  it('ends what a request has begun when nobody is left to hear the answer, but never a thaw', async () => {
    const ended: string[] = [];
    const begun: string[] = [];
    await startAgentSession({
      answer: (method, _params, signal) => {
        begun.push(method);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            ended.push(method);
            reject(signal.reason);
          });
        });
      },
    });
    const session = await controller.nextSession();
    await session.welcome();
    session.send({ kind: 'request', id: 1, method: 'hold', params: {} });
    session.send({ kind: 'request', id: 2, method: 'thaw', params: {} });
    await until(() => begun.length === 2);
    session.socket.terminate();
    await until(() => ended.length > 0);
    await controller.nextSession();
    expect(ended).toEqual(['hold']);
  });
});

describe('an identity', () => {
  it('that was adopted is written down for its owner only, and used from then on', async () => {
    const agent = await startAgentSession();
    const first = await controller.nextSession();
    await first.welcome({ identity: { kind: 'adopted', vmid: 201, credential: 'a-new-one' } });
    await first.frame('event', ({ event }) => event.type === 'guest.adopted');
    expect(agent.identity.state).toEqual({ kind: 'verified', vmid: 201 });
    expect(JSON.parse(await readFile(agent.identities.path, 'utf8'))).toMatchObject({
      vmid: 201,
      credential: 'a-new-one',
    });
    expect((await stat(agent.identities.path)).mode & 0o777).toBe(0o600);
    first.socket.terminate();
    const second = await controller.nextSession();
    expect(await second.frame('hello')).toMatchObject({ credential: 'a-new-one' });
  });

  it('that was adopted makes anew what it shall not share, once, when its credential is written down', async () => {
    const made: string[] = [];
    const make = (thing: string) => async () => {
      const { credential } = identitySchema.parse(JSON.parse(await readFile(agent.identities.path, 'utf8')));
      made.push(`${thing} of ${credential}`);
      if (thing === 'ssh-host-keys') throw new TacetError('no ssh-keygen', { code: 'not-found' });
      const changes = [{ name: thing, before: 'old', after: 'new' }];
      return { kind: 'changed' as const, changes, takesEffect: 'at once' };
    };
    const agent = await startAgentSession({
      regenerators: {
        'machine-id': make('machine-id'),
        'ssh-host-keys': make('ssh-host-keys'),
        'engine-id': make('engine-id'),
      },
    });
    const first = await controller.nextSession();
    const regenerate = ['ssh-host-keys', 'machine-id', 'colour'];
    await first.welcome({ identity: { kind: 'adopted', vmid: 201, credential: 'its-own', regenerate } });
    const events = [];
    for (const thing of regenerate) {
      const { event } = await first.frame('event', (frame) => frame.event.data['thing'] === thing);
      events.push([event.type, event.message]);
    }
    expect(events).toEqual([
      [
        'identity.kept',
        expect.stringMatching(/^ssh-host-keys is the one of the original still: no ssh-keygen/),
      ],
      [
        'identity.regenerated',
        expect.stringMatching(/^machine-id is this guest’s own: machine-id was old, is new/),
      ],
      ['identity.kept', expect.stringMatching(/^colour .* cannot make colour anew/)],
    ]);
    await until(() => made.length === 2);
    first.socket.terminate();
    await (await controller.nextSession()).welcome({ identity: { kind: 'guest', vmid: 201 } });
    await until(() => agent.identity.state.kind === 'verified');
    expect(made).toEqual(['ssh-host-keys of its-own', 'machine-id of its-own']);
    await expect
      .poll(async () => JSON.parse(await readFile(agent.identities.path, 'utf8')).regenerate)
      .toEqual([]);
  });

  it('that its agent died over goes on with what is left, and only as the guest that it is', async () => {
    let made = 0;
    const never = async (): Promise<never> => {
      made += 1;
      throw new TacetError('no', { code: 'internal' });
    };
    const agent = await startAgentSession({
      identity: identityOf({ regenerate: ['machine-id'] }),
      regenerators: { 'machine-id': never, 'ssh-host-keys': never, 'engine-id': never },
    });
    const copy = await controller.nextSession();
    await copy.welcome({ identity: { kind: 'quarantined', reason: 'nobody ordered this copy' } });
    await until(() => agent.identity.state.kind === 'quarantined');
    expect(made).toBe(0);
    copy.socket.terminate();
    const session = await controller.nextSession();
    await session.welcome({ identity: { kind: 'guest', vmid: 101 } });
    await session.frame('event', ({ event }) => event.type === 'identity.kept');
    expect(made).toBe(1);
  });

  it('that is quarantined carries out no request, and may be adopted later in the same session', async () => {
    const agent = await startAgentSession();
    const session = await controller.nextSession();
    await session.welcome({ identity: { kind: 'quarantined', reason: 'nobody ordered this copy' } });
    session.send({ kind: 'request', id: 1, method: 'plan', params: {} });
    expect(await session.frame('error')).toMatchObject({ error: { code: 'guest-quarantined' } });
    expect(agent.identity.state).toEqual({ kind: 'quarantined', reason: 'nobody ordered this copy' });
    await session.welcome({ identity: { kind: 'adopted', vmid: 201, credential: 'a-new-one' } });
    await session.frame('event', ({ event }) => event.type === 'guest.adopted');
    session.send({ kind: 'request', id: 2, method: 'plan', params: {} });
    expect(await session.frame('result')).toMatchObject({ id: 2 });
  });

  it('that the controller refuses is told, and tried again', async () => {
    const agent = await startAgentSession();
    const session = await controller.nextSession();
    await session.frame('hello');
    session.send({
      kind: 'refused',
      error: { code: 'unauthorized', message: 'revoked', retryable: false },
    });
    await until(() => agent.identity.state.kind === 'refused');
    await (await controller.nextSession()).welcome();
    await until(() => agent.identity.state.kind !== 'refused');
    expect(agent.identity.state).toEqual({ kind: 'verified', vmid: 101 });
  });

  it('that is damaged does not end the agent, and is replaced by a new enrolment', async () => {
    await writeFile(join(stateDir, 'identity.json'), '{"version":1,"controllerUrl"');
    const agent = await startAgentSession({ identity: null });
    await until(() => agent.identity.state.kind === 'not-enrolled');
    await agent.identities.save(identityOf());
    const session = await controller.nextSession();
    expect(await session.frame('hello')).toMatchObject({ credential: 'the-credential' });
  }, 20_000);
});

describe('a guest that is frozen', () => {
  it.each([10_000, 60_000])(
    'for %i ms keeps its session, though the clock jumps past the ttl',
    async (freezeMs) => {
      const clock = new ManualClock();
      await startAgentSession({ clock });
      const session = await controller.nextSession();
      await session.welcome({ heartbeatMs: 1_000, ttlMs: 3_000 });
      await session.frame('status');
      await clock.freeze(freezeMs);
      const { sequence } = await session.frame('heartbeat');
      session.send({ kind: 'heartbeat-ack', sequence, ttlMs: 3_000 });
      session.send({ kind: 'request', id: 1, method: 'plan', params: {} });
      await session.frame('result');
      for (let tick = 0; tick < 2; tick += 1) await clock.advance(1_000);
      expect(session.frames.filter(({ kind }) => kind === 'heartbeat').length).toBeGreaterThanOrEqual(3);
      expect(session.socket.readyState).toBe(session.socket.OPEN);
    },
  );

  it('gives up a controller that stays silent while the guest is awake', async () => {
    const clock = new ManualClock();
    await startAgentSession({ clock });
    const session = await controller.nextSession();
    await session.welcome({ heartbeatMs: 1_000, ttlMs: 3_000 });
    await session.frame('status');
    const closed = once(session.socket, 'close');
    for (let tick = 0; tick < 6; tick += 1) await clock.advance(1_000);
    await closed;
    await clock.advance(1_000);
    const next = await controller.nextSession();
    expect(await next.frame('hello')).toMatchObject({ bootId: 'boot' });
  });
});

describe('a pinned connection', () => {
  it('says that the controller cannot be reached, and that it is worth another try', async () => {
    const server = createServer((socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const target = { controllerUrl: `https://127.0.0.1:${port}`, fingerprint: controller.fingerprint };
    await expect(connectPinned(target, AbortSignal.timeout(5_000))).rejects.toMatchObject({
      code: 'node-unreachable',
      retryable: true,
    });
    server.close();
  });

  it('ends with its signal', async () => {
    const target = { controllerUrl: controller.url, fingerprint: controller.fingerprint };
    await expect(connectPinned(target, AbortSignal.abort(new Error('no longer')))).rejects.toThrow(
      'no longer',
    );
  });
});
