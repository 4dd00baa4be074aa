import { readLabels } from '@tacet/protocol';
import { describeError, type TacetError } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { inheritedMariaDbLock, MariaDbMethod } from './mariadb.ts';
import { MySqlMethod } from './mysql.ts';
import { type SqlAnswer, type SqlScript, ScriptedSqlEngine } from './sql-testing.ts';
import { portsOf, targetOf } from './testing.ts';

const { signal } = new AbortController();

interface Server {
  version: string;
  variables: Record<string, string>;
  /** `MyISAM shop.sessions` */
  tables: string[];
  running: string[];
  /** Answers to a statement instead of success, by its beginning. */
  refuses: Record<string, { sqlCode: string; message: string }>;
  /** It has BACKUP STAGE. */
  hasStages: boolean;
}

const mariaDb: Server = {
  version: '11.8.6-MariaDB-ubu2404',
  variables: { datadir: '/var/lib/mysql/', innodb_flush_log_at_trx_commit: '1' },
  tables: [],
  running: [],
  refuses: {},
  hasStages: true,
};

const mySql: Server = { ...mariaDb, version: '8.4.6', hasStages: false };

/** As much of a server as the method can tell apart. */
function answers(server: Server): (statement: string, client: number) => SqlAnswer {
  let stage: string | undefined;
  return (statement, client) => {
    const refused = Object.entries(server.refuses).find(([beginning]) =>
      statement.startsWith(beginning),
    )?.[1];
    if (refused) return refused;
    if (statement.startsWith('SHOW GLOBAL VARIABLES')) {
      return Object.entries({ version: server.version, ...server.variables }).map((pair) => pair.join('\t'));
    }
    if (statement.includes('information_schema.TABLES')) {
      return server.tables.map((table) => table.replace(' ', '\t'));
    }
    if (statement.includes('information_schema.PROCESSLIST')) return server.running;
    if (statement === 'SELECT CONNECTION_ID();') return [String(client + 1)];
    const [, asked] = /^BACKUP STAGE (\w+);$/.exec(statement) ?? [];
    if (asked === undefined) return [];
    if (!server.hasStages) return { sqlCode: '1064', message: 'You have an error in your SQL syntax' };
    if (stage === undefined && asked !== 'START')
      return { sqlCode: '4146', message: 'You must start backup' };
    if (stage === asked) return { sqlCode: '4147', message: 'is same or before current backup stage' };
    stage = asked === 'END' ? undefined : asked;
    return [];
  };
}

async function benchWith(script: SqlScript, policy?: string, Method = MariaDbMethod) {
  const engine = new ScriptedSqlEngine('mariadb:11', script);
  const ports = portsOf(engine);
  const target = await targetOf(engine, 'shop/db');
  const { labels } = readLabels(policy === undefined ? {} : { 'tacet.policy': policy });
  const method = new Method(target, ports, labels);
  /** What was asked since, without looking around. */
  const done = (): string[] =>
    engine.statements.filter(
      (line) => /^(BACKUP|FLUSH|UNLOCK)/.test(line) && line !== 'BACKUP STAGE BLOCK_COMMIT;',
    );
  return { engine, ports, method, done };
}

const bench = (server: Server, policy?: string, Method = MariaDbMethod): ReturnType<typeof benchWith> =>
  benchWith(answers(server), policy, Method);

describe('MariaDB', () => {
  it('is held by one session in stages, which says itself whether it still stands in the last', async () => {
    const { method, done, engine } = await bench(mariaDb);
    expect(await method.discover(signal)).toEqual({
      engine: 'MariaDB 11.8.6',
      predictedHoldMs: 15,
      notes: [],
    });
    expect(await method.prepare(signal)).toEqual({
      bytesFlushed: null,
      predictedHoldMs: 15,
      behindSince: null,
    });
    expect(await method.lock.isHeld(signal)).toBe(false);
    expect(done()).toEqual([]);
    await method.lock.hold(30_000, signal);
    expect(done()).toEqual(['BACKUP STAGE START;', 'BACKUP STAGE FLUSH;', 'BACKUP STAGE BLOCK_DDL;']);
    expect(await method.lock.isHeld(signal)).toBe(true);
    await method.lock.hold(30_000, signal);
    expect(done()).toHaveLength(3);
    await method.lock.thaw(signal);
    expect(done().at(-1)).toBe('BACKUP STAGE END;');
    expect(await method.lock.isHeld(signal)).toBe(false);
    await method.lock.thaw(signal);
    await method.close();
    expect(engine.sessions.map(({ isOpen }) => isOpen)).toEqual([false, false]);
  });

  it('has its tables without transactions told and flushed, and not those of a replica', async () => {
    const tables = ['MyISAM a.one', 'MyISAM a.three', 'MyISAM a.two', 'MyISAM b.four', 'Aria b.five'];
    const { method, done } = await bench({ ...mariaDb, tables });
    expect((await method.discover(signal)).notes).toEqual([
      'MyISAM tables: a.one, a.three, a.two and 1 more',
      'Aria tables: b.five',
    ]);
    await method.prepare(signal);
    expect(done()).toEqual(['FLUSH LOCAL TABLES;']);
    await method.close();
  });

  it('costs more where a write that the lock waits for has been running for long', async () => {
    const server = { ...mariaDb, tables: ['MyISAM shop.log'], running: ['8\tweb\t90\tSELECT SLEEP(100)'] };
    const { method } = await bench(server);
    expect(await method.discover(signal)).toMatchObject({ predictedHoldMs: 15 });
    server.running.push('9\tweb\t12\tUPDATE log SET a = 1');
    expect(await method.discover(signal)).toMatchObject({ predictedHoldMs: 2_000 });
    await method.close();
  });

  it('gives up a lock that is not granted, names what runs without its values, and lets go', async () => {
    const { method, done } = await bench({
      ...mariaDb,
      running: ["9\tweb\t12\tUPDATE log SET who = 'ada' WHERE id = 3"],
      refuses: { 'BACKUP STAGE BLOCK_DDL': { sqlCode: '1205', message: 'Lock wait timeout exceeded' } },
    });
    await method.prepare(signal);
    const failure = await method.lock.hold(30_000, signal).catch((error: unknown) => error as TacetError);
    expect(failure).toMatchObject({ code: 'hold-failed', retryable: true });
    expect(describeError(failure)).toBe(
      'its lock was not granted within 2000 ms; running for longest: ' +
        'statement 9 of web, for 12 s: UPDATE log SET who = … ← BACKUP STAGE BLOCK_DDL: Lock wait timeout exceeded',
    );
    expect(done().at(-1)).toBe('BACKUP STAGE END;');
    expect(await method.lock.isHeld(signal)).toBe(false);
    await method.close();
  });

  it('leaves nothing of a lock that is given up while it says what is in its way', async () => {
    const enough = new AbortController();
    const reason = new Error('enough');
    const server = {
      ...mariaDb,
      refuses: { 'BACKUP STAGE BLOCK_DDL': { sqlCode: '1205', message: 'Lock wait timeout exceeded' } },
    };
    const answer = answers(server);
    const { method, ports } = await benchWith((statement, client) => {
      if (!statement.includes('PROCESSLIST')) return answer(statement, client);
      enough.abort(reason);
      return new Promise(() => undefined);
    });
    await expect(method.lock.hold(30_000, enough.signal)).rejects.toBe(reason);
    expect(ports.processes.killedIn.length).toBeGreaterThan(0);
    expect(await method.lock.isHeld(signal)).toBe(false);
    await method.close();
  });

  it('is not held any more when its client has ended, and a thaw sees that nobody is left', async () => {
    const { method, engine, ports } = await bench(mariaDb);
    await method.prepare(signal);
    await method.lock.hold(30_000, signal);
    for (const session of engine.sessions) session.isOpen = false;
    expect(await method.lock.isHeld(signal)).toBe(false);
    await method.lock.thaw(signal);
    expect(ports.processes.killedIn).toHaveLength(1);
    await method.close();
  });

  it('writes out the log of an InnoDB that does not do so at every commit, once commits stand still', async () => {
    const variables = { innodb_flush_log_at_trx_commit: '0' };
    const { method, done } = await bench({ ...mariaDb, variables });
    expect(await method.prepare(signal)).toMatchObject({ behindSince: null });
    await method.lock.hold(30_000, signal);
    expect(done().at(-1)).toBe('FLUSH LOCAL ENGINE LOGS;');
    await method.close();
  });

  it('is thawed by a fresh process by ending the clients of the dead one', async () => {
    const { method, engine, ports } = await bench(mariaDb);
    const { record } = method.lock;
    await inheritedMariaDbLock(record, ports, 0).thaw(signal);
    expect(ports.processes.killedIn).toEqual([record.cgroup]);
    expect(engine.sessions).toEqual([]);
  });

  it('tells of settings that make a copy worth less', async () => {
    const variables = {
      ...mariaDb.variables,
      innodb_log_group_home_dir: '/fast/redo',
      innodb_undo_directory: './',
      innodb_doublewrite: 'OFF',
      wsrep_on: 'ON',
    };
    const { method } = await bench({ ...mariaDb, variables });
    expect((await method.discover(signal)).notes).toEqual([
      'innodb_log_group_home_dir=/fast/redo must be in the same snapshot as /var/lib/mysql/',
      'innodb_doublewrite is OFF: a page that was half written cannot be repaired',
      'a Galera node: while it is held its cluster may wait for it',
    ]);
    await method.close();
  });
});

describe('a user without the privilege to lock', () => {
  const denied = { sqlCode: '1227', message: 'Access denied; you need the RELOAD privilege' };
  const lowly: Server = { ...mariaDb, refuses: { 'BACKUP STAGE': denied, FLUSH: denied } };

  it('is told, and InnoDB alone is left to the snapshot', async () => {
    const { method, done } = await bench(lowly);
    expect(await method.discover(signal)).toMatchObject({
      predictedHoldMs: 0,
      notes: ['the user has no RELOAD privilege: there is no lock'],
    });
    await method.prepare(signal);
    await method.lock.hold(30_000, signal);
    expect(done()).toEqual([]);
    expect(await method.lock.isHeld(signal)).toBe(true);
    await method.lock.thaw(signal);
    await method.close();
  });

  it.each([
    ['tables need it', { ...lowly, tables: ['MyISAM shop.log'] }, undefined],
    ['nothing else would hold it', lowly, 'flush'],
  ])('cannot hold where %s', async (_why, server, policy) => {
    const { method } = await bench(server, policy);
    await method.prepare(signal);
    await expect(method.lock.hold(30_000, signal)).rejects.toMatchObject({
      code: 'hold-failed',
      hint: expect.stringContaining('GRANT RELOAD'),
    });
    await method.close();
  });

  it('may miss what a lazy InnoDB acknowledged last', async () => {
    const server = { ...lowly, variables: { innodb_flush_log_at_trx_commit: '0' } };
    const { method, ports } = await bench(server);
    const flush = await method.prepare(signal);
    expect(flush.behindSince).toBeLessThanOrEqual(ports.clock.now() - 1_000);
    expect((await method.discover(signal)).notes).toContain(
      'innodb_flush_log_at_trx_commit is 0: what it acknowledged last may be missing',
    );
    await method.close();
  });
});

describe('MySQL', () => {
  it('is not locked where every table has transactions, because that could only cost', async () => {
    const { method, done } = await bench(mySql, undefined, MySqlMethod);
    expect(await method.discover(signal)).toEqual({
      engine: 'MySQL 8.4.6',
      predictedHoldMs: 0,
      notes: ['untested on a real MySQL server', 'no BACKUP STAGE, and no tables that would need a lock'],
    });
    expect(method.lock.record).toMatchObject({ action: 'lock', method: 'mysql' });
    await method.prepare(signal);
    await method.lock.hold(30_000, signal);
    expect(done()).toEqual([]);
    expect(await method.lock.isHeld(signal)).toBe(true);
    await method.close();
  });

  it.each([
    ['it has other tables', { ...mySql, tables: ['MyISAM shop.log'] }, undefined],
    ['nothing else would hold it', mySql, 'flush'],
  ])('is locked for reading where %s', async (_why, server, policy) => {
    const { method, done, engine } = await bench(server, policy, MySqlMethod);
    await method.prepare(signal);
    await method.lock.hold(30_000, signal);
    expect(done()).toEqual(['FLUSH TABLES WITH READ LOCK;']);
    expect(engine.statements).toContain('SET SESSION lock_wait_timeout = 2;');
    expect(await method.lock.isHeld(signal)).toBe(true);
    await method.lock.thaw(signal);
    expect(done().at(-1)).toBe('UNLOCK TABLES;');
    expect(await method.lock.isHeld(signal)).toBe(false);
    await method.close();
  });
});
