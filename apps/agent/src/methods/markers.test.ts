import { describe, expect, it } from 'vitest';
import { MariaDbMethod } from './mariadb.ts';
import type { EngineMethod } from './method.ts';
import { PostgresMethod } from './postgres.ts';
import { ScriptedSqlEngine, type SqlScript } from './sql-testing.ts';
import { takeMarker } from './take-marker.ts';
import { portsOf, targetOf } from './testing.ts';

const { signal } = new AbortController();

async function postgres(script: SqlScript) {
  const engine = new ScriptedSqlEngine('postgres:17', script);
  return { engine, method: new PostgresMethod(await targetOf(engine, 'shop/db'), portsOf(engine), {}) };
}

async function mariadb(script: SqlScript) {
  const engine = new ScriptedSqlEngine('mariadb:11', script);
  return { engine, method: new MariaDbMethod(await targetOf(engine, 'shop/db'), portsOf(engine), {}) };
}

const postgresServer: SqlScript = (statement) => {
  if (statement.includes('pg_control_system')) return ['73\t1/10\t1/20\t170006'];
  if (statement.includes('FROM pg_database')) return ['app', 'with space', 'wiki'];
  if (statement.includes('WITH wanted')) return ['public.orders\t2'];
  if (statement.includes('ORDER BY pages'))
    return ['public.orders\t16385\t40\t40 100', 'public.new\t16399\t0\t0 -1'];
  if (statement.includes('pages < relpages')) return ['public.orders\t40\t7'];
  return [];
};

const mariaDbStatus = ['Innodb_lsn_flushed\t41', 'Innodb_lsn_current\t42'];
const mariaDbServer: SqlScript = (statement) => {
  if (statement.startsWith('SHOW GLOBAL VARIABLES')) return ['gtid_binlog_pos\t0-1-7'];
  if (statement.startsWith('SHOW GLOBAL STATUS')) {
    return mariaDbStatus.filter((line) => statement.includes(line.split('\t')[0] ?? ''));
  }
  if (statement === 'SHOW MASTER STATUS;') return ['bin.000003\t512\t\t'];
  return [];
};

describe('the marker of PostgreSQL', () => {
  it('is the last checkpoint, to be kept, and the present place, to be compared', async () => {
    const { method } = await postgres(postgresServer);
    const kept = await method.marker(signal);
    expect(kept).toEqual({
      engine: 'postgres',
      systemIdentifier: '73',
      position: '1/10',
      relations: ['app', 'wiki'].flatMap((database) => [
        { name: `${database}.public.orders`, filenode: 16_385, pages: 40, noted: '40 100', empty: 2 },
        { name: `${database}.public.new`, filenode: 16_399, pages: 0, noted: '0 -1', empty: null },
      ]),
    });
    expect(await method.marker(signal, kept)).toMatchObject({ position: '1/20' });
    await method.close();
  });

  it('looks at the same samples again, however long a relation has become', async () => {
    const { engine, method } = await postgres(postgresServer);
    const kept = await method.marker(signal);
    await method.marker(signal, kept);
    const asked = engine.statements.filter((statement) => statement.includes('WITH wanted'));
    expect(new Set(asked).size).toBe(1);
    await method.close();
  });

  it('goes without what its role may not read, and tells a server that cannot read itself', async () => {
    const refusing = await postgres((statement) =>
      statement.includes('WITH wanted')
        ? { sqlCode: '42501', message: 'permission denied' }
        : postgresServer(statement, 0),
    );
    const marker = await refusing.method.marker(signal);
    expect(marker?.engine === 'postgres' && marker.relations.map(({ empty }) => empty)).toEqual([
      null,
      null,
      null,
      null,
    ]);
    const broken = await postgres((statement) =>
      /pages < relpages|ORDER BY pages/.test(statement)
        ? { sqlCode: 'XX001', message: 'could not read block 3 in file "base/16384/1259"' }
        : postgresServer(statement, 0),
    );
    const { findings } = await broken.method.inspect({ ms: 1_000, depth: 'quick' }, signal);
    expect(findings.map(({ marker: name, found }) => [name, found])).toEqual([
      ['catalogue of app', expect.stringContaining('could not read block 3')],
      ['catalogue of wiki', expect.stringContaining('could not read block 3')],
    ]);
    expect(await broken.method.marker(signal, marker)).toMatchObject({ relations: [] });
  });

  it('holds files against their catalogues, unless these may be somebody else’s', async () => {
    const { method } = await postgres(postgresServer);
    const { looked, findings } = await method.inspect({ ms: 1_000, depth: 'quick' }, signal);
    expect(looked).toEqual(['files of 2 databases against their catalogues']);
    expect(findings[0]).toMatchObject({
      marker: 'pages of app.public.orders',
      expected: '40, by its catalogue',
      found: '7',
    });
    const newer = await postgres((statement) =>
      statement.includes('pg_control_system') ? ['73\t1/10\t1/20\t180001'] : postgresServer(statement, 0),
    );
    expect(await newer.method.inspect({ ms: 1_000, depth: 'quick' }, signal)).toEqual({
      looked: [],
      findings: [],
    });
  });
});

describe('the marker of MariaDB', () => {
  it('is what was flushed, to be kept, and what has been reached, to be compared', async () => {
    const { method } = await mariadb(mariaDbServer);
    const kept = await method.marker(signal);
    expect(kept).toEqual({
      engine: 'mariadb',
      serverUuid: null,
      position: '41',
      binaryLog: { file: 'bin.000003', position: 512 },
      gtid: '0-1-7',
    });
    expect(await method.marker(signal, kept)).toMatchObject({ position: '42' });
    await method.close();
  });

  it('asks in the words of MySQL where the server has no others, and goes without where it may not', async () => {
    const newWord = await mariadb((statement) => {
      if (statement === 'SHOW MASTER STATUS;') return { sqlCode: '1064', message: 'syntax' };
      return statement === 'SHOW BINARY LOG STATUS;' ? ['bin.000009\t4'] : mariaDbServer(statement, 0);
    });
    expect(await newWord.method.marker(signal)).toMatchObject({ binaryLog: { file: 'bin.000009' } });
    const denied = await mariadb((statement) =>
      statement.startsWith('SHOW') && statement.endsWith('STATUS;') && !statement.includes('GLOBAL')
        ? { sqlCode: '1227', message: 'access denied' }
        : mariaDbServer(statement, 0),
    );
    expect(await denied.method.marker(signal)).toMatchObject({ binaryLog: null });
  });

  it('opens every table and checks the small ones, in the time there is', async () => {
    const tables = [
      'app\tgone\t0\tTable is corrupted',
      'app\ta\t100\t',
      'app\tb`c\t200\t',
      `app\tbig\t${2 ** 30}\t`,
    ];
    const { engine, method } = await mariadb((statement) => {
      if (statement.includes('information_schema.TABLES') && statement.includes('INDEX_LENGTH'))
        return tables;
      if (statement.includes('`a`'))
        return ['app.a\tcheck\twarning\t1 client is using it', 'app.a\tcheck\tstatus\tOK'];
      if (statement.includes('`b`c`')) {
        return ['app.b\tcheck\terror\tSize of datafile is: 5', 'app.b\tcheck\terror\tCorrupt'];
      }
      return mariaDbServer(statement, 0);
    });
    const { looked, findings } = await method.inspect({ ms: 60_000, depth: 'quick' }, signal);
    expect(looked).toEqual(['the 3 smallest of 4 tables checked, all opened']);
    expect(findings.map(({ marker, found }) => [marker, found])).toEqual([
      ['table app.gone', 'Table is corrupted'],
      ['table app.b`c', 'Size of datafile is: 5; Corrupt'],
    ]);
    const none = await method.inspect({ ms: 0, depth: 'quick' }, signal);
    expect(none.looked).toEqual(['the 1 smallest of 4 tables checked, all opened']);
    expect(engine.statements.filter((statement) => statement.startsWith('CHECK'))).toHaveLength(2);
  });
});

describe('a marker that cannot be taken', () => {
  it('costs nothing but itself', async () => {
    const engine = new ScriptedSqlEngine('postgres:17', () => []);
    const target = await targetOf(engine, 'shop/db');
    const method = {
      marker: async () => {
        throw new Error('no');
      },
    } as unknown as EngineMethod;
    expect(await takeMarker(target, method, portsOf(engine), signal)).toBeUndefined();
    expect(await takeMarker(target, {} as EngineMethod, portsOf(engine), signal)).toBeUndefined();
  });
});
