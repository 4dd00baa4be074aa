import { mkdir, rm, writeFile } from 'node:fs/promises';
import { TacetError } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { Testbed } from './testbed.ts';

const operationId = 'op-1';
const prepare = { operationId, deadlineMs: 60_000 };
const hold = { operationId, leaseMs: 20_000, deadlineMs: 10_000 };
const everything = ['cache', 'db', 'mail', 'web', 'wiki'];

/** What it came to, an error included, without anybody waiting for it yet. */
const outcomeOf = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

describe('a backup that goes well', () => {
  it('holds everything, thaws everything, and says how long each was held', async () => {
    await using bed = await Testbed.open();
    const prepared = await bed.coordinator.prepare(prepare);
    expect(prepared.failures).toEqual([]);
    const names = new Map(prepared.plan.services.map((one) => [one.containerId, one.service]));
    expect(
      prepared.plan.steps.map(({ action, containerIds }) => [
        action,
        ...containerIds.map((id) => names.get(id)),
      ]),
    ).toEqual([
      ['stop', 'wiki'],
      ['pause', 'mail'],
      ['freeze', 'db', 'web'],
      ['lock', 'cache'],
      ['freeze', 'cache'],
    ]);
    expect(bed.blocked()).toEqual([]);
    expect(bed.host.syncs).toBe(1);

    const held = await bed.coordinator.hold(hold);
    expect(bed.host.syncs).toBe(3);
    expect(bed.blocked()).toEqual(everything);
    expect(held.services).toHaveLength(5);
    expect(held.leaseMs).toBe(20_000);

    await bed.clock.advance(1_000);
    const thawed = await bed.coordinator.thaw({ operationId });
    expect(bed.blocked()).toEqual([]);
    expect(thawed).toMatchObject({ releasedBy: 'controller', thawed: true, failures: [] });
    expect(thawed.services.every(({ intactUntilThaw }) => intactUntilThaw === true)).toBe(true);
    expect(thawed.services.every((one) => (one.thawedAt ?? 0) - one.heldAt === 1_000)).toBe(true);
    expect(bed.coordinator.state).toBe('idle');
    expect(bed.eventTypes).toEqual(['quiesce.prepared', 'quiesce.held', 'quiesce.thawed']);
  });

  it('carries a journal that owes a thaw, and a manifest of what must come back', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const read = await bed.journal.readQuiesce();
    expect(read).toMatchObject({ kind: 'present', value: { state: 'holding', operationId } });
    const manifest = await bed.journal.readManifest();
    expect(manifest?.services.map(({ service, state }) => [service, state])).toEqual(
      everything.map((service) => [service, 'running']),
    );
  });

  it('keeps every acknowledged write of a Redis without an append-only file', async () => {
    await using bed = await Testbed.open();
    const cache = bed.engine.idOf('shop/cache');
    const never = new AbortController().signal;
    await bed.engine.write(cache, 'before prepare', never);
    await bed.coordinator.prepare(prepare);
    await bed.engine.write(cache, 'between', never);
    await bed.coordinator.hold(hold);
    const late = bed.engine.write(cache, 'during', never);
    bed.restart();
    expect(bed.engine.written(cache)).toEqual(['before prepare', 'between']);
    void late.catch(() => undefined);
  });

  it('answers a repeated request as it answered the first', async () => {
    await using bed = await Testbed.open();
    const { coordinator } = bed;
    expect(await coordinator.prepare(prepare)).toBe(await coordinator.prepare(prepare));
    expect(await coordinator.hold(hold)).toBe(await coordinator.hold(hold));
    const thawed = await coordinator.thaw({ operationId });
    expect(await coordinator.thaw({ operationId })).toEqual(thawed);
    await expect(coordinator.hold(hold)).rejects.toMatchObject({ code: 'wrong-state' });
    await expect(coordinator.prepare(prepare)).rejects.toMatchObject({ code: 'wrong-state' });
  });

  it('is not disturbed by another operation', async () => {
    await using bed = await Testbed.open();
    const { coordinator } = bed;
    await coordinator.prepare(prepare);
    const other = { operationId: 'op-2' };
    await expect(coordinator.prepare({ ...prepare, ...other })).rejects.toMatchObject({ code: 'conflict' });
    await expect(coordinator.hold({ ...hold, ...other })).rejects.toMatchObject({
      code: 'operation-mismatch',
    });
    await expect(coordinator.thaw(other)).rejects.toMatchObject({ code: 'operation-mismatch' });
    await coordinator.hold(hold);
    await expect(coordinator.renew({ ...other, leaseMs: 1 })).rejects.toMatchObject({
      code: 'operation-mismatch',
    });
    expect(bed.blocked()).toEqual(everything);
  });

  it('follows what changed between prepare and hold', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    bed.engine.crash(bed.engine.idOf('shop/web'));
    const cache = bed.engine.idOf('shop/cache');
    bed.engine.crash(cache);
    await bed.engine.start(cache, new AbortController().signal);
    bed.engine.add({ service: 'newcomer', image: 'nginx:1' });
    const { services } = await bed.coordinator.hold(hold);
    expect(services.map(({ service, method }) => `${service}: ${method}`).toSorted()).toEqual([
      'cache: redis',
      'db: postgres',
      'mail: pause',
      'newcomer: freeze',
      'wiki: stop',
    ]);
    expect((await bed.journal.readManifest())?.services.map(({ service }) => service)).toContain('newcomer');
  });
});

describe('the lease', () => {
  it('thaws by itself when nobody thaws', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await bed.clock.advance(19_999);
    expect(bed.blocked()).toEqual(everything);
    await bed.clock.advance(1);
    await bed.becomes('idle');
    expect(bed.blocked()).toEqual([]);
    const thawed = await bed.coordinator.thaw({ operationId });
    expect(thawed).toMatchObject({ releasedBy: 'lease-expired', thawed: true });
    expect(thawed.services.some(({ intactUntilThaw }) => intactUntilThaw)).toBe(false);
    expect(bed.eventTypes).toContain('lease.expired');
    await expect(bed.coordinator.renew({ operationId, leaseMs: 1 })).rejects.toMatchObject({
      code: 'lease-expired',
    });
  });

  it('thaws what the kernel holds although the engine hangs', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const calls = ['containers', 'start', 'unpause', 'openSession', 'exec', 'ask'] as const;
    const ends = calls.map((call) => bed.engine.inject({ call, effect: 'hang' }));
    await bed.clock.advance(28_000);
    // The pause of Redis has ended by itself; the paused container goes on though the engine cannot say so.
    expect(bed.blocked()).toEqual(['mail', 'wiki']);
    expect(bed.engine.capture().containers.find(({ name }) => name === 'shop-mail-1')?.frozen).toBe(false);
    // Redis will not have to be asked: by now its pause has ended.
    expect(bed.coordinator.unthawed.map(({ service }) => service).toSorted()).toEqual([
      'cache',
      'mail',
      'wiki',
    ]);
    for (const end of ends) end();
    await bed.clock.advance(60_000);
    await bed.becomes('idle');
    expect(bed.blocked()).toEqual([]);
    expect(bed.coordinator.unthawed).toEqual([]);
    expect(await bed.coordinator.thaw({ operationId })).toMatchObject({ thawed: true, failures: [] });
  });

  it('is judged first when the guest wakes up from a freeze', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const thaw = bed.clock.freeze(60_000).then(() => undefined);
    const answer = await bed.coordinator.thaw({ operationId });
    await thaw;
    expect(answer.releasedBy).toBe('lease-expired');
  });

  it('survives a freeze that is shorter', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await bed.clock.freeze(10_000);
    expect(await bed.coordinator.thaw({ operationId })).toMatchObject({ releasedBy: 'controller' });
  });

  it('can be renewed, for Redis too, and not beyond the ceiling', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await bed.clock.advance(15_000);
    expect(await bed.coordinator.renew({ operationId, leaseMs: 20_000 })).toEqual({ leaseMs: 20_000 });
    await bed.clock.advance(15_000);
    expect(bed.blocked()).toEqual(everything);
    expect(await bed.coordinator.renew({ operationId, leaseMs: 10 ** 9 })).toEqual({ leaseMs: 270_000 });
    await bed.clock.advance(270_000);
    await bed.becomes('idle');
    expect(bed.blocked()).toEqual([]);
  });
});

describe('a hold that fails', () => {
  it('thaws everything when the engine dies and a service can be held no longer', async () => {
    await using bed = await Testbed.open([
      { stack: 'shop', service: 'cache', image: 'redis:8', labels: { 'tacet.policy': 'flush' } },
      { stack: 'shop', service: 'queue', image: 'redis:8' },
    ]);
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    expect(bed.blocked()).toEqual(['cache', 'queue']);
    const containerId = bed.engine.idOf('shop/cache');
    bed.engine.inject({ call: 'ask', containerId, effect: new Error('the client has ended'), times: 1 });
    await expect(bed.coordinator.renew({ operationId, leaseMs: 20_000 })).rejects.toMatchObject({
      code: 'hold-failed',
    });
    expect(bed.eventTypes).toContain('quiesce.hold-failed');
    expect(bed.blocked()).toEqual([]);
    expect(bed.coordinator.state).toBe('idle');
    expect(await bed.coordinator.thaw({ operationId })).toMatchObject({
      releasedBy: 'hold-failed',
      thawed: true,
    });
  });

  it.each(['freeze', 'pause', 'stop', 'openSession'] as const)('leaves nothing held (%s)', async (call) => {
    await using bed = await Testbed.open();
    // Prepared without its client, Redis is held with a new one.
    bed.engine.inject({ call: 'openSession', effect: new Error('no client today'), times: 1 });
    const prepared = await bed.coordinator.prepare(prepare);
    expect(prepared.failures.map(({ service }) => service)).toEqual(['cache']);
    bed.engine.inject({ call, effect: new Error('it broke') });
    await expect(bed.coordinator.hold(hold)).rejects.toMatchObject({ code: 'hold-failed' });
    expect(bed.blocked()).toEqual([]);
    expect(bed.coordinator.state).toBe('idle');
    expect(await bed.coordinator.thaw({ operationId })).toMatchObject({
      releasedBy: 'hold-failed',
      thawed: true,
    });
    expect(await bed.journal.readQuiesce()).toMatchObject({ value: { state: 'idle' } });
    expect(bed.eventTypes).toContain('quiesce.hold-failed');
  });

  it('names the service and the cause', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    bed.engine.inject({
      call: 'freeze',
      containerId: bed.engine.idOf('shop/db'),
      effect: new Error('it broke'),
    });
    await expect(bed.coordinator.hold(hold)).rejects.toMatchObject({
      message: 'shop/db could not be held (freeze)',
      cause: { message: 'it broke' },
    });
  });

  it('gives up at its deadline, and takes back what the engine does after that', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    const late = Promise.withResolvers<void>();
    bed.engine.inject({ call: 'pause', effect: late.promise });
    const held = outcomeOf(bed.coordinator.hold(hold));
    await bed.becomes('holding');
    while (!bed.blocked().includes('wiki')) await bed.clock.advance(0);
    await bed.clock.advance(10_000);
    expect(await held).toMatchObject({ code: 'hold-failed' });
    expect(bed.blocked()).toEqual([]);
    late.resolve();
    await bed.clock.advance(1);
    expect(bed.blocked()).toEqual(['mail']);
    expect(bed.coordinator.unthawed).toMatchObject([{ service: 'mail' }]);
    await bed.clock.advance(5_000);
    expect(bed.blocked()).toEqual([]);
    expect(bed.coordinator.unthawed).toEqual([]);
  });

  it('says why, although an engine that hangs is not thawed yet', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    bed.engine.inject({ call: 'ask', effect: 'hang' });
    const held = outcomeOf(bed.coordinator.hold(hold));
    await bed.becomes('holding');
    while (!bed.blocked().includes('wiki')) await bed.clock.advance(0);
    await bed.clock.advance(hold.deadlineMs);
    await bed.clock.advance(1_000);
    expect(await held).toMatchObject({ message: 'shop/cache could not be held (the lock of redis)' });
    expect(bed.coordinator.state).toBe('thawing');
    await bed.clock.advance(60_000);
    await bed.becomes('idle');
    expect(bed.blocked()).toEqual([]);
  });

  it('leaves nothing behind when it is asked for with a deadline that no timer can keep', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await expect(bed.coordinator.hold({ ...hold, deadlineMs: 2 ** 31 })).rejects.toMatchObject({
      code: 'hold-failed',
    });
    expect(bed.coordinator.state).toBe('idle');
    await bed.coordinator.prepare({ ...prepare, operationId: 'op-2' });
  });

  it('does not even begin when its undo cannot be written down', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    const frozen: unknown[] = [];
    bed.coordinator.onStateChange(() => frozen.push(...bed.blocked()));
    await rm(bed.directory, { recursive: true });
    await writeFile(bed.directory, 'not a directory');
    await expect(bed.coordinator.hold(hold)).rejects.toMatchObject({
      code: 'hold-failed',
      cause: {
        message: expect.stringContaining('quiesce.json cannot be written'),
        cause: { code: 'EEXIST' },
      },
    });
    expect(frozen).toEqual([]);
    expect(bed.coordinator.state).toBe('idle');
  });

  it('tells a wrong password in prepare, and again in hold', async () => {
    await using bed = await Testbed.open([
      { stack: 'shop', service: 'cache', image: 'redis:8', env: ['REDIS_PASSWORD=old'], password: 'new' },
      { stack: 'shop', service: 'web', image: 'nginx:1' },
    ]);
    const { failures } = await bed.coordinator.prepare(prepare);
    expect(failures).toMatchObject([{ stack: 'shop', service: 'cache', phase: 'prepare' }]);
    expect(failures[0]?.message).toContain('NOAUTH');
    expect(failures[0]?.message).not.toContain('old');
    await expect(bed.coordinator.hold(hold)).rejects.toMatchObject({ code: 'hold-failed' });
    expect(bed.blocked()).toEqual([]);
    expect(bed.coordinator.state).toBe('idle');
  });

  it('can be interrupted by a thaw', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    bed.engine.inject({ call: 'ask', effect: 'hang' });
    const held = outcomeOf(bed.coordinator.hold(hold));
    await bed.becomes('holding');
    while (!bed.blocked().includes('wiki')) await bed.clock.advance(0);
    const thawing = bed.coordinator.thaw({ operationId });
    await bed.clock.advance(10_000);
    expect(await held).toMatchObject({ code: 'hold-failed' });
    expect(await thawing).toMatchObject({ releasedBy: 'controller', failures: [{ service: 'cache' }] });
    await bed.clock.advance(60_000);
    await bed.becomes('idle');
    expect(bed.blocked()).toEqual([]);
  });
});

describe('a prepare that fails', () => {
  it('leaves the guest idle when the engine does not answer', async () => {
    await using bed = await Testbed.open();
    const end = bed.engine.inject({ call: 'containers', effect: 'hang' });
    const prepared = outcomeOf(bed.coordinator.prepare(prepare));
    await bed.clock.advance(60_000);
    expect(await prepared).toMatchObject({ code: 'prepare-failed' });
    expect(bed.coordinator.state).toBe('idle');
    end();
    await bed.coordinator.prepare({ ...prepare, operationId: 'op-2' });
  });

  it('is cancelled by a thaw, which has nothing to release', async () => {
    await using bed = await Testbed.open();
    bed.engine.inject({ call: 'exec', effect: 'hang' });
    const prepared = outcomeOf(bed.coordinator.prepare(prepare));
    expect(await bed.coordinator.thaw({ operationId })).toMatchObject({ releasedBy: null, thawed: true });
    expect(await prepared).toMatchObject({ code: 'prepare-failed' });
    expect(bed.coordinator.state).toBe('idle');
  });

  it('is told and survived when a checkpoint takes too long', async () => {
    await using bed = await Testbed.open();
    const db = bed.engine.idOf('shop/db');
    const end = bed.engine.inject({ call: 'ask', containerId: db, effect: 'hang' });
    const preparing = bed.coordinator.prepare(prepare);
    while (bed.clock.sleeping < 2) await bed.clock.advance(0);
    for (let step = 0; step < 49; step += 1) await bed.clock.advance(1_000);
    const { failures } = await preparing;
    end();
    expect(failures).toMatchObject([{ service: 'db', phase: 'prepare' }]);
    expect((await bed.coordinator.hold(hold)).services).toHaveLength(5);
  });

  it('is dropped when no hold follows', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.clock.advance(600_000);
    await bed.becomes('idle');
    expect(bed.blocked()).toEqual([]);
  });
});

describe('what happens while held', () => {
  it('shows at the end: a container that was killed was not held to the end', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    bed.engine.remove(bed.engine.idOf('shop/db'));
    bed.engine.crash(bed.engine.idOf('shop/cache'));
    await bed.engine.unpause(bed.engine.idOf('shop/mail'), new AbortController().signal);
    const thawed = await bed.coordinator.thaw({ operationId });
    expect(thawed.thawed).toBe(true);
    expect(
      Object.fromEntries(thawed.services.map(({ service, intactUntilThaw }) => [service, intactUntilThaw])),
    ).toEqual({ db: false, cache: false, mail: false, web: true, wiki: true });
  });

  it.each<[string, (bed: Testbed) => unknown]>([
    ['was started', (bed) => bed.engine.add({ service: 'nightly', image: 'cron:1' })],
    [
      'was started, and has ended again',
      (bed) => bed.engine.crash(bed.engine.add({ service: 'nightly', image: 'cron:1' })),
    ],
  ])('shows at the end: a container that nobody held %s', async (_, happen) => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await bed.clock.advance(10);
    happen(bed);
    await bed.clock.advance(10);
    expect((await bed.coordinator.thaw({ operationId })).failures).toMatchObject([
      { service: 'nightly', phase: 'hold', message: /not held/ },
    ]);
  });

  it('shows at the end: a container was left out as down, and came up again', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    const web = bed.engine.idOf('shop/web');
    bed.engine.crash(web);
    await bed.coordinator.hold(hold);
    await bed.clock.advance(10);
    await bed.engine.start(web, new AbortController().signal);
    const { failures } = await bed.coordinator.thaw({ operationId });
    expect(failures).toMatchObject([{ service: 'web', phase: 'hold' }]);
  });

  it('is not disturbed by what is left out on purpose, or starts after the thaw', async () => {
    await using bed = await Testbed.open([
      { service: 'web', image: 'nginx:1' },
      { service: 'scratch', image: 'tmp:1', labels: { 'tacet.method': 'none' } },
    ]);
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const thawing = bed.coordinator.thaw({ operationId });
    await bed.clock.freeze(1);
    bed.engine.add({ service: 'afterwards', image: 'cron:1' });
    expect((await thawing).failures).toEqual([]);
  });

  it('is not known where the engine does not say what else ran', async () => {
    await using bed = await Testbed.open([{ service: 'web', image: 'nginx:1' }]);
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    bed.engine.inject({ call: 'containers', effect: 'hang' });
    const thawing = bed.coordinator.thaw({ operationId });
    await bed.becomes('thawing');
    while (bed.blocked().length > 0) await bed.clock.advance(0);
    await bed.clock.advance(3_000);
    expect(await thawing).toMatchObject({ thawed: true, failures: [{ phase: 'hold' }] });
  });

  it('shows at the end: somebody else ended the pause of Redis for a moment', async () => {
    await using bed = await Testbed.open([
      { stack: 'shop', service: 'cache', image: 'redis:8', labels: { 'tacet.policy': 'flush' } },
    ]);
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const cache = bed.engine.idOf('shop/cache');
    const signal = new AbortController().signal;
    const stranger = await bed.engine.openSession(cache, { argv: [] }, signal);
    await stranger.ask('CLIENT UNPAUSE', () => true, signal);
    await bed.clock.advance(1);
    await stranger.ask('CLIENT PAUSE 20000 WRITE', () => true, signal);
    const { services } = await bed.coordinator.thaw({ operationId });
    expect(services.find(({ service }) => service === 'cache')?.intactUntilThaw).toBe(false);
  });

  it('does not keep Redis paused when the kept client has died', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    bed.engine.inject({ call: 'ask', effect: new Error('the client has ended'), times: 2 });
    const { thawed, services } = await bed.coordinator.thaw({ operationId });
    expect(thawed).toBe(true);
    expect(bed.blocked()).toEqual([]);
    expect(services.find(({ service }) => service === 'cache')?.intactUntilThaw).toBe(false);
  });

  it('a second thaw does not hide that the first one was not complete', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const end = bed.engine.inject({ call: 'start', effect: new TacetError('no', { code: 'internal' }) });
    const first = await bed.coordinator.thaw({ operationId });
    expect(first).toMatchObject({ releasedBy: 'controller', thawed: false, failures: [{ service: 'wiki' }] });
    expect(await bed.coordinator.thaw({ operationId })).toMatchObject({ thawed: false });
    expect(bed.coordinator.state).toBe('thawing');
    expect(bed.eventTypes).toContain('quiesce.thaw-failed');
    end();
    await bed.clock.advance(1_000);
    await bed.becomes('idle');
    expect(await bed.coordinator.thaw({ operationId })).toMatchObject({ thawed: true, failures: [] });
  });
});

describe('an agent that starts', () => {
  it('owes nothing after an ordinary end', async () => {
    await using bed = await Testbed.open();
    expect(await bed.coordinator.recover()).toEqual({ kind: 'nothing-owed' });
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await bed.coordinator.thaw({ operationId });
    expect(await bed.startAgent().recover()).toEqual({ kind: 'nothing-owed' });
  });

  it('thaws what the killed one held, and says so when asked', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const fresh = bed.startAgent();
    expect(await fresh.recover()).toMatchObject({ kind: 'thawing', sameBoot: true });
    expect(await fresh.thaw({ operationId })).toMatchObject({ releasedBy: 'agent-restarted', thawed: true });
    expect(bed.blocked()).toEqual([]);
    expect(await bed.journal.readQuiesce()).toMatchObject({ value: { state: 'idle' } });
  });

  it('starts although the engine does not answer, and thaws what the kernel holds at once', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const calls = ['containers', 'start', 'unpause', 'openSession'] as const;
    const ends = calls.map((call) => bed.engine.inject({ call, effect: new Error('not up yet') }));
    const fresh = bed.startAgent();
    await fresh.recover();
    await fresh.thaw({ operationId });
    expect(bed.blocked()).toEqual(['cache', 'mail', 'wiki']);
    for (const end of ends) end();
    await bed.clock.advance(60_000);
    await bed.becomes('idle');
    expect(bed.blocked()).toEqual([]);
  });

  it('knows a restored copy by its boot, and starts what the hold had stopped', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const copy = bed.restart();
    expect(await copy.recover()).toMatchObject({ kind: 'thawing', sameBoot: false });
    await copy.thaw({ operationId });
    // Without a restart policy the others stay down: that is heal's part, which has the manifest.
    expect(bed.blocked()).toEqual(['cache', 'db', 'mail', 'web']);
  });

  it('does not ask the databases of a restored copy, which may not be up yet, for an unpause', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const copy = bed.restart();
    bed.engine.inject({ call: 'openSession', effect: 'hang' });
    await copy.recover();
    expect(await copy.thaw({ operationId })).toMatchObject({ thawed: true, failures: [] });
  });

  it('thaws what is frozen although its journal cannot be read', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await writeFile(`${bed.directory}/quiesce.json`, '{"version":1,"ope');
    const fresh = bed.startAgent();
    expect(await fresh.recover()).toMatchObject({ kind: 'unreadable' });
    while (fresh.unthawed.length > 0) await bed.clock.advance(1);
    expect(bed.blocked()).toEqual([]);
  });

  it('leaves what its operator had stopped before alone, when its journal cannot be read', async () => {
    await using bed = await Testbed.open();
    const never = new AbortController().signal;
    await bed.engine.stop(bed.engine.idOf('shop/wiki'), 0, never);
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await writeFile(`${bed.directory}/quiesce.json`, '{"version":1,"ope');
    const fresh = bed.startAgent();
    await fresh.recover();
    while (fresh.unthawed.length > 0) await bed.clock.advance(1);
    expect(bed.blocked()).toEqual(['wiki']);
  });

  it('thaws although the disk does not give its journal back', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await rm(`${bed.directory}/quiesce.json`);
    await mkdir(`${bed.directory}/quiesce.json`);
    const fresh = bed.startAgent();
    expect(await fresh.recover()).toMatchObject({ kind: 'unreadable', message: /EISDIR/ });
    while (fresh.unthawed.length > 0) await bed.clock.advance(1);
    expect(bed.blocked()).toEqual([]);
  });

  it('can be ended while it still looks for what it has forgotten', async () => {
    await using bed = await Testbed.open();
    await writeFile(`${bed.directory}/quiesce.json`, '{"version":1,"ope');
    bed.engine.inject({ call: 'containers', effect: 'hang' });
    const fresh = bed.startAgent();
    await fresh.recover();
    await fresh[Symbol.asyncDispose]();
    expect(fresh.unthawed).toMatchObject([{ message: /journal could not be read/ }]);
  });

  it('holds nothing more once it is being ended: its lease would end with it', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    const ending = bed.coordinator[Symbol.asyncDispose]();
    await bed.becomes('idle');
    const again = { operationId: 'op-2' };
    const prepared = outcomeOf(bed.coordinator.prepare({ ...prepare, ...again }));
    expect(await prepared).toMatchObject({ code: 'wrong-state', retryable: true });
    await ending;
    expect(await outcomeOf(bed.coordinator.hold({ ...hold, ...again }))).toBeInstanceOf(TacetError);
    expect(bed.blocked()).toEqual([]);
  });

  it('thaws when it is ended in an orderly way', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    await bed.coordinator[Symbol.asyncDispose]();
    expect(bed.blocked()).toEqual([]);
  });
});

describe('an operator who has the guest thawed now', () => {
  it('ends a hold of whichever operation, and that is no proof', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    await bed.coordinator.hold(hold);
    expect(await bed.coordinator.thawNow()).toMatchObject({ releasedBy: 'operator', thawed: true });
    expect(bed.blocked()).toEqual([]);
    expect(bed.coordinator.state).toBe('idle');
    const thawed = await bed.coordinator.thaw({ operationId });
    expect(thawed.releasedBy).toBe('operator');
    expect(thawed.services.some(({ intactUntilThaw }) => intactUntilThaw)).toBe(false);
  });

  it('ends a preparation, and no hold can follow it', async () => {
    await using bed = await Testbed.open();
    await bed.coordinator.prepare(prepare);
    expect(await bed.coordinator.thawNow()).toMatchObject({ releasedBy: null, thawed: true });
    await expect(bed.coordinator.hold(hold)).rejects.toMatchObject({ code: 'wrong-state' });
    expect(bed.blocked()).toEqual([]);
  });

  it('changes nothing where nothing is held', async () => {
    await using bed = await Testbed.open();
    expect(await bed.coordinator.thawNow()).toMatchObject({ releasedBy: null, thawed: true, services: [] });
    expect(bed.coordinator.state).toBe('idle');
  });
});
