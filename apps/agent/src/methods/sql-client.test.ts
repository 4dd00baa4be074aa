import { describeError, TacetError } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import type { ExecSession } from '../engine/engine.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { mariadbClient } from './mariadb-client.ts';
import { psql } from './postgres-client.ts';
import { SqlClient, type SqlClientKind } from './sql-client.ts';
import { type SqlScript, ScriptedSqlEngine } from './sql-testing.ts';
import { portsOf, ScriptedSession } from './testing.ts';

const { signal } = new AbortController();
const place = { containerId: 'c', cgroup: '/sys/fs/cgroup/c' };

async function open(
  kind: SqlClientKind,
  script: SqlScript,
): Promise<{ client: SqlClient; ports: ReturnType<typeof portsOf>; engine: ScriptedSqlEngine }> {
  const engine = new ScriptedSqlEngine(kind === psql ? 'postgres:17' : 'mariadb:11', script);
  const ports = portsOf(engine);
  return { engine, ports, client: await SqlClient.open(kind, place, ports, signal) };
}

/** A client that says this to its first question, whatever that is. */
function saying(lines: readonly string[] | Error): ReturnType<typeof portsOf> {
  const engine = new MemoryEngine({ containers: [] });
  engine.openSession = async (): Promise<ExecSession> =>
    new ScriptedSession(async () => {
      if (lines instanceof Error) throw lines;
      return lines;
    });
  return portsOf(engine);
}

describe.each([
  ['psql', psql],
  ['mariadb', mariadbClient],
])('%s', (_name, kind) => {
  it('answers in rows and columns', async () => {
    const { client } = await open(kind, (statement) => (statement === 'SELECT 7;' ? ['1\tone', '2\t'] : []));
    expect(await client.ask('SELECT 7;', signal)).toEqual([
      ['1', 'one'],
      ['2', ''],
    ]);
    expect(await client.ask('DO NOTHING;', signal)).toEqual([]);
  });

  it('goes on after a refusal, which names the statement', async () => {
    const { client } = await open(kind, (statement) =>
      statement === 'CHECKPOINT;' ? { sqlCode: '42501', message: 'you may not' } : ['1'],
    );
    await expect(client.ask('CHECKPOINT;', signal)).rejects.toMatchObject({
      message: 'CHECKPOINT: you may not',
      sqlCode: '42501',
    });
    expect(await client.ask('SELECT 1;', signal)).toEqual([['1']]);
    expect(client.isUsable).toBe(true);
  });

  it('is killed when it is given up, because what it waits for may yet be granted', async () => {
    const { client, ports } = await open(kind, (statement) =>
      statement === 'HANG;' ? new Promise(() => undefined) : [],
    );
    const reason = new Error('enough');
    const enough = new AbortController();
    const asking = client.ask('HANG;', enough.signal);
    enough.abort(reason);
    await expect(asking).rejects.toBe(reason);
    expect(ports.processes.killedIn).toEqual([place.cgroup]);
    expect(client.isUsable).toBe(false);
  });

  it('is marked, so that another process can end it', async () => {
    const { engine } = await open(kind, () => []);
    expect(engine.requests[0]?.env).toEqual({ TACET_HOLD: '1' });
  });
});

const opening = async (kind: SqlClientKind, ports: ReturnType<typeof portsOf>): Promise<unknown> =>
  await SqlClient.open(kind, place, ports, signal).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a client that is not let in', () => {
  it.each([
    ["ERROR 1045 (28000): Access denied for user 'root'@'localhost' (using password: YES)"],
    ["ERROR 2002 (HY000): Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)"],
  ])('says what the server said: %s', async (line) => {
    const error = await opening(mariadbClient, saying([line]));
    expect(error).toMatchObject({ code: 'prepare-failed' });
    expect(describeError(error)).toContain(line);
    expect((error as TacetError).hint).toContain('MARIADB_ROOT_PASSWORD');
  });

  it('says so when it has ended at once', async () => {
    const ended = new TacetError('the client has ended: psql: error: no password supplied', {
      code: 'engine-unreachable',
    });
    const error = await opening(psql, saying(ended));
    expect(error).toMatchObject({ code: 'prepare-failed', cause: ended });
    expect((error as TacetError).hint).toContain('POSTGRES_PASSWORD');
  });

  it("is tried as the image's own user where there is no postgres", async () => {
    const engine = new ScriptedSqlEngine('postgres:17', () => []);
    const openSession = engine.openSession.bind(engine);
    engine.openSession = async (id, request) =>
      request.user === undefined
        ? await openSession(id, request)
        : new ScriptedSession(() => [
            `unable to find user ${request.user}: no matching entries in passwd file`,
          ]);
    await SqlClient.open(psql, place, portsOf(engine), signal);
    expect(engine.requests.map(({ user }) => user)).toEqual([undefined]);
  });
});

it('a mariadb client whose server has gone is lost, although it would go on', async () => {
  let isGone = false;
  const { client } = await open(mariadbClient, () =>
    isGone ? { sqlCode: '2006', message: 'Server has gone away' } : [],
  );
  isGone = true;
  await expect(client.ask('SELECT 1;', signal)).rejects.toThrow('the client has ended: ERROR 2006');
  expect(client.isUsable).toBe(false);
});

it('a psql that cannot say whether a statement was refused is not believed', async () => {
  const [unsubstituted] = ['tacet-1 :ERROR :SQLSTATE'];
  await expect(SqlClient.open(psql, place, saying([unsubstituted ?? '']), signal)).rejects.toMatchObject({
    cause: { message: expect.stringContaining('its psql is older than 11') },
  });
});
