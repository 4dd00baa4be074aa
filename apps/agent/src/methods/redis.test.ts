import { ManualClock } from '@tacet/runtime';
import { readLabels } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import type { MemoryContainerSpec } from '../engine/memory-container.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import type { MemoryProcesses } from '../guest/memory-guest-host.ts';
import type { MethodPorts } from './method.ts';
import { inheritedRedisLock, RedisMethod } from './redis.ts';
import { portsOf, ScriptedSession, targetOf } from './testing.ts';

const { signal } = new AbortController();

interface Bench {
  clock: ManualClock;
  engine: MemoryEngine;
  ports: MethodPorts & { processes: MemoryProcesses };
  method: RedisMethod;
  id: string;
}

async function bench(spec: Partial<MemoryContainerSpec> = {}): Promise<Bench> {
  const clock = new ManualClock();
  const container = { stack: 'shop', service: 'cache', image: 'redis:8', ...spec };
  const engine = new MemoryEngine({ containers: [container], clock });
  const ports = portsOf(engine, clock);
  const target = await targetOf(engine, 'shop/cache');
  const method = new RedisMethod(target, ports, readLabels(target.container.labels).labels);
  return { clock, engine, ports, method, id: target.container.id };
}

const durable = ({ engine }: Bench): number => engine.capture().containers[0]?.durable ?? -1;

describe('a Redis without an append-only file', () => {
  it('says what it is, and what its dump will cost', async () => {
    const { method } = await bench();
    expect(await method.discover(signal)).toEqual({
      engine: 'Redis 8.0.2, dumps',
      predictedHoldMs: 9,
      notes: ['a dump of about 4 ms is taken in the hold (strict)'],
    });
    await method.close();
  });

  it('misses nothing when it is dumped in the hold', async () => {
    const b = await bench();
    await b.engine.write(b.id, 'one', signal);
    expect(await b.method.prepare(signal)).toMatchObject({ behindSince: null });
    expect(durable(b)).toBe(1);
    await b.engine.write(b.id, 'two', signal);
    await b.method.lock.hold(30_000, signal);
    expect(durable(b)).toBe(2);
    expect(b.engine.writesBlocked(b.id)).toBe(true);
    expect(await b.method.lock.isHeld(signal)).toBe(true);
    await b.method.lock.thaw(signal);
    expect(b.engine.writesBlocked(b.id)).toBe(false);
    expect(await b.method.lock.isHeld(signal)).toBe(false);
    await b.method.close();
  });

  it('is as old as its dump where its label wants it fast', async () => {
    const b = await bench({ labels: { 'tacet.redis.dump': 'fast' } });
    await b.clock.advance(1_000);
    const startedAt = b.clock.now();
    expect(await b.method.prepare(signal)).toEqual({
      bytesFlushed: null,
      predictedHoldMs: 5,
      behindSince: startedAt,
    });
    await b.engine.write(b.id, 'late', signal);
    await b.method.lock.hold(30_000, signal);
    expect(durable(b)).toBe(0);
    expect(await b.method.lock.isHeld(signal)).toBe(true);
    await b.method.lock.thaw(signal);
    await b.method.close();
  });

  it('is held without having been prepared', async () => {
    const b = await bench();
    await b.engine.write(b.id, 'one', signal);
    await b.method.lock.hold(30_000, signal);
    expect(durable(b)).toBe(1);
    await b.method.lock.thaw(signal);
    await b.method.close();
  });
});

describe('the hold of a Redis', () => {
  it('is not believed when somebody has ended the pause, even for a moment', async () => {
    const b = await bench({ persistence: 'durable' });
    await b.method.prepare(signal);
    await b.method.lock.hold(30_000, signal);
    await using other = await b.engine.openSession(b.id, { argv: [] }, signal);
    await other.ask('CLIENT UNPAUSE', () => true, signal);
    await other.ask('CLIENT PAUSE 30000 WRITE', () => true, signal);
    expect(await b.method.lock.isHeld(signal)).toBe(false);
    await b.method.lock.thaw(signal);
    expect(b.engine.writesBlocked(b.id)).toBe(false);
    await b.method.close();
  });

  it('outlasts a freeze that is shorter than its lease, and not a longer one', async () => {
    const b = await bench({ persistence: 'durable' });
    const { cgroup } = b.method.lock.record;
    await b.method.lock.hold(30_000, signal);
    await b.engine.freezer.freeze(cgroup, signal);
    await b.clock.advance(20_000);
    // Nobody can ask it now.
    await b.method.lock.renew(30_000, signal);
    await b.engine.freezer.thaw(cgroup, signal);
    expect(await b.method.lock.isHeld(signal)).toBe(true);
    await b.method.lock.renew(30_000, signal);
    await b.clock.advance(29_000);
    expect(b.engine.writesBlocked(b.id)).toBe(true);
    await b.clock.advance(2_000);
    expect(await b.method.lock.isHeld(signal)).toBe(false);
    await b.method.lock.thaw(signal);
    await b.method.close();
  });

  it('ends although its clients have ended', async () => {
    const b = await bench();
    await b.method.lock.hold(30_000, signal);
    await b.method.close();
    expect(b.engine.writesBlocked(b.id)).toBe(true);
    await b.method.lock.thaw(signal);
    expect(b.engine.writesBlocked(b.id)).toBe(false);
  });

  it('ends by a fresh process, which lets nothing of the dead one come after', async () => {
    const b = await bench();
    await b.method.lock.hold(30_000, signal);
    const { record } = b.method.lock;
    await inheritedRedisLock(record, b.ports, b.clock.now() + 30_000).thaw(signal);
    expect(b.ports.processes.killedIn).toEqual([record.cgroup]);
    expect(b.engine.writesBlocked(b.id)).toBe(false);
    b.engine.crash(b.id);
    await inheritedRedisLock(record, b.ports, b.clock.now() + 30_000).thaw(signal);
    b.engine.remove(b.id);
    await inheritedRedisLock(record, b.ports, b.clock.now() + 30_000).thaw(signal);
  });

  it('is over when its time is over, whoever cannot be asked', async () => {
    const b = await bench();
    await b.method.lock.hold(1_000, signal);
    b.engine.inject({ call: 'openSession', effect: new Error('no') });
    b.engine.inject({ call: 'ask', effect: new Error('no') });
    await expect(b.method.lock.thaw(signal)).rejects.toThrow('no');
    await b.clock.advance(1_001);
    await b.method.lock.thaw(signal);
  });
});

describe('the probe of a Redis', () => {
  it('is answered while writes are served, and waits while they are not', async () => {
    const b = await bench();
    expect(b.method.probe).toBeUndefined();
    await b.method.prepare(signal);
    const { probe } = b.method;
    await probe?.(signal);
    await b.method.lock.hold(30_000, signal);
    let answered = false;
    const answer = probe?.(signal).then(() => (answered = true));
    await b.engine.containers(signal);
    expect(answered).toBe(false);
    await b.method.lock.thaw(signal);
    await answer;
    await b.method.close();
  });
});

async function answering(info: readonly string[], save = '3600 1'): Promise<RedisMethod> {
  const { engine, ports } = await bench();
  engine.openSession = async () =>
    new ScriptedSession((line) => {
      if (line.startsWith('INFO')) return info;
      if (line.startsWith('ECHO')) return [line.slice('ECHO '.length)];
      return line === 'CONFIG GET save' ? ['save', save] : ['1'];
    });
  return new RedisMethod(await targetOf(engine, 'shop/cache'), ports, {});
}

describe('a server that cannot be held so', () => {
  it.each([
    ['one that is too old', ['redis_version:5.0.14', 'aof_enabled:1'], 'cannot pause its writes'],
    [
      'one whose disk is full',
      ['redis_version:7.2.4', 'aof_enabled:1', 'aof_last_write_status:err'],
      'could not write to its append-only file',
    ],
  ])('%s says so', async (_name, info, message) => {
    const method = await answering(info);
    await expect(method.discover(signal)).rejects.toThrow(message);
    await expect(method.prepare(signal)).rejects.toMatchObject({ code: 'prepare-failed' });
    await expect(method.lock.hold(1_000, signal)).rejects.toThrow(message);
  });

  it('says what else an operator should know', async () => {
    const method = await answering(
      ['redis_version:7.2.4', 'valkey_version:8.1.1', 'role:slave', 'aof_enabled:0'],
      '',
    );
    expect(await method.discover(signal)).toEqual({
      engine: 'Valkey 8.1.1, nothing on disk',
      predictedHoldMs: 5,
      notes: [
        'keeps nothing on disk: a restored copy starts empty',
        'is a replica: its pause does not stop what its master sends',
      ],
    });
  });

  it('is as old as its dump where it is a replica', async () => {
    const method = await answering([
      'redis_version:7.2.4',
      'role:slave',
      'aof_enabled:0',
      'rdb_bgsave_in_progress:0',
      'rdb_last_bgsave_status:ok',
    ]);
    expect((await method.discover(signal)).notes).toEqual([
      'its copy is as old as its dump (fast)',
      'is a replica: its pause does not stop what its master sends',
    ]);
    expect((await method.prepare(signal)).behindSince).not.toBeNull();
  });

  it('does not dump again and again what goes on changing', async () => {
    const method = await answering([
      'redis_version:7.2.4',
      'aof_enabled:0',
      'rdb_bgsave_in_progress:0',
      'rdb_last_bgsave_status:ok',
      'rdb_changes_since_last_save:7',
      'id=1 flags=b cmd=publish',
    ]);
    await expect(method.lock.hold(1_000, signal)).rejects.toThrow('goes on changing');
  });

  it('does not let in whoever has the wrong password', async () => {
    const { method } = await bench({ password: 's3cret', env: ['REDIS_PASSWORD=wrong'] });
    await expect(method.prepare(signal)).rejects.toMatchObject({
      message: 'PING: NOAUTH Authentication required.',
      code: 'prepare-failed',
    });
    await method.lock.thaw(signal);
  });
});
