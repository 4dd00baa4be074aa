import { describe, expect, it } from 'vitest';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { PostgresMethod } from './postgres.ts';
import { ScriptedSqlEngine, type SqlScript } from './sql-testing.ts';
import { portsOf, targetOf } from './testing.ts';

const { signal } = new AbortController();

const quiet = [
  'server_version\t17.6 (Debian)',
  'server_version_num\t170006',
  'block_size\t8192',
  'role\tshop',
];

async function bench(script: SqlScript): Promise<{ engine: ScriptedSqlEngine; method: PostgresMethod }> {
  const engine = new ScriptedSqlEngine('postgres:17', script);
  return { engine, method: new PostgresMethod(await targetOf(engine, 'shop/db'), portsOf(engine), {}) };
}

/** A server with these settings, whose counters come late by as many questions. */
function server(facts: readonly string[], late = 0): SqlScript {
  let checkpoints = 0;
  let hidden = 0;
  return (statement) => {
    if (statement.includes('pg_is_in_recovery')) return facts;
    if (statement === 'CHECKPOINT;') {
      checkpoints += 1;
      hidden = late;
      return [];
    }
    if (!/buffers_(written|checkpoint)/.test(statement)) return [];
    const seen = checkpoints - ((hidden -= 1) >= 0 ? 1 : 0);
    return [`${seen}\t${seen * 100}`];
  };
}

describe('PostgreSQL', () => {
  it('makes a checkpoint, says how much that wrote, and needs no lock', async () => {
    const { engine, method } = await bench(server(quiet, 3));
    expect(await method.discover(signal)).toEqual({
      engine: 'PostgreSQL 17.6',
      predictedHoldMs: null,
      notes: [],
    });
    expect(engine.statements).not.toContain('CHECKPOINT;');
    expect(method.probe).toBeUndefined();
    expect(await method.prepare(signal)).toEqual({
      bytesFlushed: 100 * 8_192,
      predictedHoldMs: null,
      behindSince: null,
    });
    expect(engine.statements.filter((line) => line === 'CHECKPOINT;')).toHaveLength(1);
    expect(engine.statements.join()).toContain('pg_stat_checkpointer');
    await method.probe?.(signal);
    expect(method.lock).toBeUndefined();
    await method.close();
    expect(engine.sessions.map(({ isOpen }) => isOpen)).toEqual([false, false]);
  });

  it('is asked for the counters of its version', async () => {
    const { engine, method } = await bench(server(['server_version\t16.9', 'server_version_num\t160009']));
    expect(await method.prepare(signal)).toMatchObject({ bytesFlushed: 100 * 8_192 });
    expect(engine.statements.join()).toContain('pg_stat_bgwriter');
    await method.close();
  });

  it('tells what a copy may lack, and since when', async () => {
    const { method } = await bench(
      server([
        ...quiet,
        'synchronous_commit\ton',
        'wal_writer_delay\t200',
        'lazy\tapp in shop',
        'may_checkpoint\tfalse',
        'fsync\toff',
        'full_page_writes\toff',
        'tablespace\tfast in /mnt/fast',
        'standby\ttrue',
      ]),
    );
    expect((await method.discover(signal)).notes).toEqual([
      'role shop may not CHECKPOINT: a restored copy takes longer to recover',
      'synchronous_commit is off for app in shop: what was acknowledged in the last 600 ms may be missing',
      'fsync is off: a crash of the guest may damage its files',
      'full_page_writes is off: a page that was half written cannot be repaired',
      'tablespace fast in /mnt/fast must be in the same snapshot',
      'a standby: it has what its primary has sent',
    ]);
    const from = Date.now();
    const { behindSince } = await method.prepare(signal);
    expect(behindSince).toBeGreaterThanOrEqual(from);
    expect(behindSince).toBeLessThanOrEqual(Date.now());
    await method.close();
  });

  it('tells of a WAL on a mount of its own', async () => {
    const engine = new ScriptedSqlEngine('postgres:17', server([...quiet, 'data_directory\t/data']));
    const target = await targetOf(engine, 'shop/db');
    const mounts = [{ source: '/mnt/ssd/wal', target: '/data/pg_wal', readOnly: false }];
    const container = { ...target.container, mounts };
    const method = new PostgresMethod({ ...target, container }, portsOf(engine), {});
    expect((await method.discover(signal)).notes).toEqual([
      'its WAL in /data/pg_wal must be in the same snapshot',
    ]);
    await method.close();
  });

  it('says which privilege its role lacks, and can still be probed', async () => {
    const { method } = await bench((statement, client) =>
      statement === 'CHECKPOINT;'
        ? { sqlCode: '42501', message: 'permission denied to execute CHECKPOINT command' }
        : server(quiet)(statement, client),
    );
    await expect(method.prepare(signal)).rejects.toMatchObject({
      code: 'prepare-failed',
      hint: expect.stringContaining('GRANT pg_checkpoint'),
    });
    await method.probe?.(signal);
    await method.close();
  });

  it('is the same to a simulated one', async () => {
    const engine = new MemoryEngine({ containers: [{ stack: 'shop', service: 'db', image: 'postgres:17' }] });
    const target = await targetOf(engine, 'shop/db');
    const method = new PostgresMethod(target, portsOf(engine), {});
    expect(await method.discover(signal)).toMatchObject({ engine: 'PostgreSQL 17.6', notes: [] });
    expect(await method.prepare(signal)).toMatchObject({ behindSince: null });
    await method.probe?.(signal);
    await engine.freezer.freeze(target.cgroup, signal);
    const impatient = AbortSignal.timeout(20);
    await expect(method.probe?.(impatient)).rejects.toMatchObject({ name: 'TimeoutError' });
    await method.close();
  });
});
