import type { MariaDbMarker, PostgresMarker, RedisMarker, SqliteMarker } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { compareMarkers } from './compare-markers.ts';

const relation = (name: string, pages: number, more: Partial<PostgresMarker['relations'][number]> = {}) => ({
  name,
  pages,
  filenode: 16_384,
  noted: '10 100',
  empty: 1,
  ...more,
});

const postgres = (more: Partial<PostgresMarker> = {}): PostgresMarker => ({
  engine: 'postgres',
  systemIdentifier: '7380000000000000001',
  position: '1/FFFFFF00',
  relations: [relation('app.public.orders', 40), relation('app.public.lines', 20)],
  ...more,
});

const mariadb = (more: Partial<MariaDbMarker> = {}): MariaDbMarker => ({
  engine: 'mariadb',
  serverUuid: null,
  position: '46846',
  binaryLog: { file: 'mariadb-bin.000009', position: 500 },
  gtid: '0-1-42,7-1-3',
  ...more,
});

const redis = (more: Partial<RedisMarker> = {}): RedisMarker => ({
  engine: 'redis',
  persistence: 'dump',
  appendOnlyBytes: null,
  keys: { 0: { all: 100, expiring: 20 } },
  ...more,
});

const appendOnly = (bytes: number | null, all: number): RedisMarker =>
  redis({ persistence: 'append-only', appendOnlyBytes: bytes, keys: { 0: { all, expiring: 0 } } });

type SqliteDatabase = SqliteMarker['databases'][number];

const sqlite = (more: Partial<SqliteDatabase> = {}): SqliteMarker => ({
  engine: 'sqlite',
  databases: [
    { name: '/data/a.db', path: '/v/a.db', pages: 10, pageBytes: 4096, shrinks: false, check: 'ok', ...more },
  ],
});

describe('what is ahead of its marker, or where it was, is as it should be', () => {
  it.each([
    ['the same PostgreSQL', postgres(), postgres()],
    ['a PostgreSQL that has written on', postgres(), postgres({ position: '2/0' })],
    [
      'a relation that has grown, one that was vacuumed, one that was written anew, and one that was dropped',
      postgres({
        relations: [
          relation('a.s.grown', 4),
          relation('a.s.vacuumed', 9),
          relation('a.s.anew', 9),
          relation('a.s.dropped', 9),
        ],
      }),
      postgres({
        relations: [
          relation('a.s.grown', 5),
          relation('a.s.vacuumed', 2, { noted: '2 7' }),
          relation('a.s.anew', 0, { filenode: 99 }),
        ],
      }),
    ],
    ['the same MariaDB', mariadb(), mariadb()],
    [
      'a MariaDB with a further binary log',
      mariadb(),
      mariadb({
        position: '50942',
        binaryLog: { file: 'mariadb-bin.000010', position: 4 },
        gtid: '7-1-3,0-2-50',
      }),
    ],
    ['the same Redis', redis(), redis()],
    ['a Redis from which keys have expired', redis(), redis({ keys: { 0: { all: 80, expiring: 0 } } })],
    ['an append-only file in which everything was deleted', appendOnly(1_000, 3), appendOnly(1_200, 0)],
    ['the same SQLite', sqlite(), sqlite()],
    [
      'a SQLite that gives pages back by itself',
      sqlite({ shrinks: true }),
      sqlite({ shrinks: true, pages: 3 }),
    ],
  ])('%s', (_what, expected, found) => {
    const comparison = compareMarkers(expected, found, 'hold');
    expect(comparison.differences).toEqual([]);
    expect(comparison.compared).not.toEqual([]);
  });
});

describe('what was lost differs, and says what it means', () => {
  it.each([
    [
      'another cluster',
      postgres(),
      postgres({ systemIdentifier: '9' }),
      ['system identifier', '7380000000000000001', '9', 'this is another cluster'],
    ],
    [
      'a log that goes back, by numbers and not by letters',
      postgres({ position: '10/0' }),
      postgres({ position: '9/FF' }),
      ['position of the write-ahead log', 'at least 10/0', '9/FF', 'is missing'],
    ],
    [
      'a file of a relation that was cut off',
      postgres(),
      postgres({ relations: [relation('app.public.orders', 39), relation('app.public.lines', 20)] }),
      ['pages of app.public.orders', 'at least 40', '39', 'cut off or lost'],
    ],
    [
      'a file that was cut off, and filled up with empty pages when the log was replayed',
      postgres(),
      postgres({ relations: [relation('app.public.orders', 44, { empty: 7 })] }),
      ['empty ones of some pages of app.public.orders', 'at most 1', '7', 'cut off or lost'],
    ],
    [
      'a database that cannot be read',
      postgres({ relations: [relation('app.a.b', 1), relation('wiki.a.b', 1)] }),
      postgres({ relations: [relation('app.a.b', 1)] }),
      ['relations of database wiki', '1', 'none', 'nobody can connect'],
    ],
    [
      'InnoDB that goes back',
      mariadb(),
      mariadb({ position: '46845' }),
      ["position of InnoDB's log", 'at least 46846', '46845', 'InnoDB'],
    ],
    [
      'a binary log that is gone',
      mariadb(),
      mariadb({ binaryLog: null }),
      ['position of the binary log', 'at least mariadb-bin.000009:500', 'no binary log', 'missing'],
    ],
    [
      'a domain that goes back',
      mariadb(),
      mariadb({ gtid: '0-1-43,7-1-2' }),
      ['GTID', 'at least 0-1-42,7-1-3', '0-1-43,7-1-2', 'missing'],
    ],
    [
      'another data directory of MySQL',
      mariadb({ engine: 'mysql', serverUuid: 'a' }),
      mariadb({ engine: 'mysql', serverUuid: 'b' }),
      ['server_uuid', 'a', 'b', 'created anew'],
    ],
    [
      'a dump that is gone',
      redis(),
      redis({ keys: {} }),
      ['keys of database 0', 'about 80', '0', 'far fewer keys'],
    ],
    [
      'an append-only file that was lost, though somebody writes again',
      appendOnly(1_000, 3),
      appendOnly(200, 3),
      ['size of the append-only file', 'at least 1000 bytes', '200 bytes', 'lost or cut off'],
    ],
    [
      'a SQLite file that was cut off',
      sqlite(),
      sqlite({ pages: 9 }),
      ['pages of /data/a.db', 'at least 10', '9', 'cut off'],
    ],
    [
      'a SQLite file that is gone',
      sqlite(),
      sqlite({ pages: null, check: null }),
      ['pages of /data/a.db', '10', 'no file, or an empty one', 'gone'],
    ],
    [
      'a SQLite file that contradicts itself, as it did before',
      sqlite({ check: 'row 1 missing from index' }),
      sqlite({ check: 'row 1 missing from index' }),
      ['quick_check of /data/a.db', 'ok', 'row 1 missing from index', 'it was so before the copy was made'],
    ],
  ])('%s', (_what, expected, found, [marker, wanted, seen, because]) => {
    const { differences } = compareMarkers(expected, found, 'hold');
    expect(differences).toEqual([
      { marker, expected: wanted, found: seen, because: expect.stringContaining(because ?? '') },
    ]);
  });

  it('and of many relations only some are named', () => {
    const relations = Array.from({ length: 9 }, (_, index) => relation(`app.public.t${index}`, 5));
    const short = relations.map((one) => ({ ...one, pages: 1 }));
    const { differences } = compareMarkers(postgres({ relations }), postgres({ relations: short }), 'hold');
    expect(differences).toHaveLength(3);
    expect(differences.at(-1)?.because).toContain('6 more relations');
  });
});

describe('what lived on after its marker is only held to what never goes back', () => {
  it.each([
    ['a cluster that was made anew', postgres(), postgres({ systemIdentifier: '9', position: '0/1' })],
    ['a relation that is shorter', postgres(), postgres({ relations: [relation('app.public.orders', 1)] })],
    ['a binary log that was begun again', mariadb(), mariadb({ binaryLog: null, gtid: '' })],
    ['a Redis that was emptied', redis(), redis({ keys: {} })],
    ['a SQLite that was made smaller', sqlite(), sqlite({ pages: 1 })],
    ['a SQLite that was deleted', sqlite(), sqlite({ pages: null, check: null })],
  ])('%s', (_what, expected, found) => {
    expect(compareMarkers(expected, found, 'later').differences).toEqual([]);
  });

  it.each([
    ['PostgreSQL’s log', postgres(), postgres({ position: '0/1' })],
    ['InnoDB’s log', mariadb(), mariadb({ position: '1' })],
    ['a SQLite file that contradicts itself', sqlite(), sqlite({ check: 'malformed' })],
  ])('such as %s', (_what, expected, found) => {
    expect(compareMarkers(expected, found, 'later').differences).toHaveLength(1);
  });
});

describe('nothing is claimed to be compared', () => {
  it.each([
    [
      'of a cache that keeps nothing',
      redis({ persistence: 'none' }),
      redis({ persistence: 'none', keys: {} }),
    ],
    ['of keys that all expire', redis({ keys: { 0: { all: 9, expiring: 9 } } }), redis({ keys: {} })],
    ['with another engine', mariadb(), mariadb({ engine: 'mysql' })],
  ])('%s', (_what, expected, found) => {
    const comparison = compareMarkers(expected, found, 'hold');
    expect(comparison).toEqual({ compared: [], differences: [], left: [expect.any(String)] });
  });
});
