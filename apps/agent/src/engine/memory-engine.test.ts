import { ManualClock } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { MemoryEngine } from './memory-engine.ts';

const never = new AbortController().signal;
const policies = ['no', 'on-failure', 'unless-stopped', 'always'] as const;
const caught = ['running', 'paused', 'frozen', 'stopped', 'created'] as const;

/** Measured with Docker 26: what a restored guest comes up with, by policy and what the snapshot caught. */
const afterRestore: Record<(typeof policies)[number], string[]> = {
  no: ['exited', 'exited', 'exited', 'exited', 'created'],
  'on-failure': ['running', 'running', 'running', 'running', 'created'],
  'unless-stopped': ['running', 'running', 'running', 'exited', 'created'],
  always: ['running', 'running', 'running', 'running', 'created'],
};

describe('a restored engine', () => {
  it.each(policies)('comes up as the real one does (%s)', async (restartPolicy) => {
    const engine = new MemoryEngine({
      containers: caught.map((service) => ({
        service,
        image: 'app:1',
        restartPolicy,
        ...(service === 'created' && { state: 'created' as const }),
      })),
    });
    await engine.pause(engine.idOf('paused'), never);
    const { pid } = (await engine.containers(never)).find(({ name }) => name === 'frozen') ?? { pid: 0 };
    await engine.freezer.freeze(await engine.freezer.cgroupOf(pid), never);
    await engine.stop(engine.idOf('stopped'), 0, never);

    const restored = MemoryEngine.fromCapture(engine.capture());
    const states = await restored.containers(never);
    expect(states.map(({ state }) => state)).toEqual(afterRestore[restartPolicy]);
    expect(
      states.filter(({ state }) => state === 'running').some(({ id }) => restored.writesBlocked(id)),
    ).toBe(false);
  });

  it('has every write of a database, and of Redis only what was dumped', async () => {
    const engine = new MemoryEngine({
      containers: [
        { service: 'db', image: 'postgres:17', restartPolicy: 'always' },
        { service: 'cache', image: 'redis:8', restartPolicy: 'always' },
      ],
    });
    for (const name of ['db', 'cache']) {
      await engine.write(engine.idOf(name), 'one', never);
      if (name === 'cache') {
        const session = await engine.openSession(engine.idOf(name), { argv: ['redis-cli'] }, never);
        await session.ask('SAVE', () => true, never);
      }
      await engine.write(engine.idOf(name), 'two', never);
    }
    const restored = MemoryEngine.fromCapture(engine.capture());
    expect(restored.written(restored.idOf('db'))).toEqual(['one', 'two']);
    expect(restored.written(restored.idOf('cache'))).toEqual(['one']);
    expect(engine.written(engine.idOf('cache'))).toEqual(['one', 'two']);
  });
});

describe('a simulated writer', () => {
  it('waits while its container stands still, and is acknowledged after that', async () => {
    const engine = new MemoryEngine({ containers: [{ service: 'db', image: 'postgres:17' }] });
    const db = engine.idOf('db');
    await engine.pause(db, never);
    let acknowledged = false;
    const write = engine.write(db, 'x', never).then(() => (acknowledged = true));
    await new Promise(setImmediate);
    expect([engine.writesBlocked(db), acknowledged]).toEqual([true, false]);
    await engine.unpause(db, never);
    await write;
    expect(engine.written(db)).toEqual(['x']);
  });

  it('goes on when the pause of Redis runs out', async () => {
    const clock = new ManualClock();
    const engine = new MemoryEngine({ containers: [{ service: 'cache', image: 'redis:8' }], clock });
    const cache = engine.idOf('cache');
    const session = await engine.openSession(cache, { argv: ['redis-cli'] }, never);
    await session.ask('CLIENT PAUSE 1000 WRITE', () => true, never);
    const write = engine.write(cache, 'x', never);
    await clock.advance(999);
    expect(engine.writesBlocked(cache)).toBe(true);
    await clock.advance(1);
    await write;
  });

  it('is refused by a container that does not run, also when that happens while it waits', async () => {
    const engine = new MemoryEngine({ containers: [{ service: 'db', image: 'postgres:17' }] });
    const db = engine.idOf('db');
    await engine.pause(db, never);
    const write = engine.write(db, 'x', never).catch((error: unknown) => error);
    await engine.stop(db, 0, never);
    expect(await write).toMatchObject({ message: 'connection refused' });
  });
});

describe('a simulated health check', () => {
  it('passes some time after a start, and that is a change', async () => {
    const clock = new ManualClock();
    const engine = new MemoryEngine({
      containers: [{ service: 'db', image: 'postgres:17', healthyAfterMs: 3_000 }],
      clock,
    });
    const health = async (): Promise<unknown> => (await engine.containers(never))[0]?.health;
    expect(await health()).toBe('healthy');
    await engine.stop(engine.idOf('db'), 0, never);
    await engine.start(engine.idOf('db'), never);
    expect(await health()).toBe('starting');
    const changes = engine.changes(never);
    expect((await changes.next()).done).toBe(false);
    const change = changes.next();
    await clock.advance(3_000);
    await change;
    expect(await health()).toBe('healthy');
  });
});
