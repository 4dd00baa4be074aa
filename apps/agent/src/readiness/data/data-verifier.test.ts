import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisMarker } from '@tacet/protocol';
import { ManualClock, silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { discover } from '../../discovery/compose.ts';
import { MemoryEngine } from '../../memory.ts';
import { portsOf } from '../../methods/testing.ts';
import type { DatabaseAnswer } from '../database-prober.ts';
import { type DataCheck, DataChecksFile } from './data-checks-file.ts';
import { DataVerifier } from './data-verifier.ts';

const soon = () => AbortSignal.timeout(5_000);

let undo: Undo;
let folder: string;
beforeEach(async () => {
  undo = new Undo();
  folder = await mkdtemp(join(tmpdir(), 'tacet-data-'));
  undo.defer(() => rm(folder, { recursive: true }));
});
afterEach(() => undo[Symbol.asyncDispose]());

const clock = new ManualClock();

function cache(keys: number) {
  const engine = new MemoryEngine({
    clock,
    containers: [{ stack: 'shop', service: 'cache', image: 'redis:8', restartPolicy: 'always' }],
  });
  for (let key = 0; key < keys; key += 1) void engine.write(engine.idOf('shop/cache'), `key ${key}`, soon());
  return engine;
}

const markerOf = (keys: number): RedisMarker => ({
  engine: 'redis',
  persistence: 'dump',
  appendOnlyBytes: null,
  keys: { 0: { all: keys, expiring: 0 } },
});

const pending = (keys: number): DataCheck => ({
  stack: 'shop',
  service: 'cache',
  containerId: 'id',
  containerName: 'shop-cache-1',
  takenAt: 0,
  extent: 'hold',
  isRestored: true,
  marker: markerOf(keys),
  outcome: { kind: 'pending' },
});

function verifierOf(engine: MemoryEngine, checks: DataCheck[]) {
  const file = new DataChecksFile(folder, { log: silentLogger, clock });
  const verifier = new DataVerifier(
    { ports: portsOf(engine, clock), file, clock, log: silentLogger },
    {
      manifest: undefined,
      record: { version: 1, vmid: 101, bootId: 'boot', checks },
      bootId: 'boot',
      vmid: 101,
      recovery: { kind: 'nothing-owed' },
    },
  );
  const look = async (answers: DatabaseAnswer[] = []): Promise<void> =>
    verifier.note(discover(await engine.containers(soon())), answers);
  const kind = () => verifier.view.checks[0]?.outcome.kind;
  return { verifier, file, look, kind };
}

describe('the data of a database', () => {
  it('are compared once, at its first answer, and never again', async () => {
    const engine = cache(10);
    const { look, kind, file } = verifierOf(engine, [pending(10)]);
    const containerId = engine.idOf('shop/cache');
    const refusing = { stack: 'shop', service: 'cache', containerId, accepting: false, message: 'LOADING' };
    await look([refusing]);
    expect(kind()).toBe('pending');
    await look();
    await expect.poll(kind).toBe('matches');
    await expect.poll(async () => (await file.read())?.checks[0]?.outcome.kind).toBe('matches');
    expect((await file.read())?.checks[0]?.marker).toBeNull();
    engine.crash(containerId);
    await engine.start(containerId, soon());
    let asked = 0;
    engine.openSession = async () => {
      asked += 1;
      throw new Error('nobody has to be asked');
    };
    await look();
    expect([asked, kind()]).toEqual([0, 'matches']);
  });

  it('that differ stay so, are compared again when it is started again, and can be accepted', async () => {
    const engine = cache(3);
    const { look, kind, verifier } = verifierOf(engine, [pending(10)]);
    await look();
    await expect.poll(kind).toBe('differs');
    expect(verifier.view.checks[0]?.outcome).toMatchObject({
      differences: [{ marker: 'keys of database 0', expected: 'about 10', found: '3' }],
    });
    const id = engine.idOf('shop/cache');
    for (let key = 0; key < 7; key += 1) await engine.write(id, `again ${key}`, soon());
    await look();
    expect(kind()).toBe('differs');
    const other = verifierOf(engine, [
      { ...pending(99), outcome: { kind: 'differs', startedAt: clock.now(), differences: [lost] } },
      { ...pending(10), outcome: { kind: 'differs', startedAt: -1, differences: [lost] } },
    ]);
    await other.look();
    await expect
      .poll(() => other.verifier.view.checks.map(({ outcome }) => outcome.kind))
      .toEqual(['differs', 'matches']);
    expect(await other.verifier.accept()).toEqual(['shop/cache']);
    expect(other.kind()).toBe('accepted');
    expect(await other.verifier.accept()).toEqual([]);
  });

  it('are not compared while a backup begins, but after it', async () => {
    const engine = cache(10);
    const { look, kind, verifier } = verifierOf(engine, [pending(10)]);
    const end = engine.inject({ call: 'ask', effect: 'hang' });
    await look();
    verifier.interrupt();
    await expect.poll(() => verifier.view.checks[0]?.trouble).toBeUndefined();
    end();
    await expect
      .poll(async () => {
        await look();
        return kind();
      })
      .toBe('matches');
  });

  it('are asked for again, ever more rarely, while it lets nobody in', async () => {
    const engine = cache(10);
    const { look, kind, verifier } = verifierOf(engine, [pending(10)]);
    const end = engine.inject({ call: 'openSession', effect: new Error('no such client') });
    await look();
    await expect.poll(() => verifier.view.checks[0]?.trouble).toContain('no such client');
    end();
    await look();
    expect(kind()).toBe('pending');
    await clock.advance(2_000);
    await look();
    await expect.poll(kind).toBe('matches');
    expect(verifier.view.checks[0]?.trouble).toBeUndefined();
  });

  it('cannot be compared where it ends again and again, which is counted', async () => {
    const engine = cache(10);
    const { look, verifier } = verifierOf(engine, [pending(10)]);
    const id = engine.idOf('shop/cache');
    const refusing = [{ stack: 'shop', service: 'cache', containerId: id, accepting: false, message: '' }];
    await look(refusing);
    expect(verifier.view.checks[0]?.ends).toBe(0);
    for (const ends of [1, 2]) {
      engine.crash(id);
      await look(refusing);
      expect(verifier.view.checks[0]?.ends).toBe(ends);
      await clock.advance(1_000);
      await engine.start(id, soon());
      await look(refusing);
      expect(verifier.view.checks[0]?.ends).toBe(ends);
    }
  });
});

const lost = { marker: 'keys of database 0', expected: 'about 9', found: '0', because: 'lost' };
