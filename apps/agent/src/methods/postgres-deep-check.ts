import type { DataDifference } from '@tacet/core';
import type { Inspection } from './method.ts';
import { type SqlClient, SqlRefusal } from './sql-client.ts';

/**
 * Tables and B-trees of the database, the small ones first. `verify_heapam` came with 14. Unlogged ones are left out: a
 * crash empties them, and nobody calls that damage.
 */
const relationsQuery =
  "SELECT c.oid, nspname || '.' || relname, relkind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace " +
  "LEFT JOIN pg_am a ON a.oid = relam WHERE relpersistence = 'p' AND (relkind IN ('r', 'm', 't') AND amname = 'heap' " +
  "OR relkind = 'i' AND amname = 'btree' AND (SELECT indisvalid FROM pg_index WHERE indexrelid = c.oid)) " +
  'ORDER BY pg_relation_size(c.oid), c.oid;';

/**
 * What `pg_amcheck` does, in the database that the client is in: its extension is made in a transaction that is
 * rolled back, so that nothing of it stays. Everybody can read and write meanwhile.
 */
export async function deepCheckPostgres(
  client: SqlClient,
  database: string,
  isInTime: () => boolean,
  signal: AbortSignal,
): Promise<Inspection> {
  await client.ask('BEGIN;', signal);
  try {
    await client.ask('CREATE EXTENSION IF NOT EXISTS amcheck;', signal);
    const relations = await client.ask(relationsQuery, signal);
    const findings: DataDifference[] = [];
    let checked = 0;
    for (const [oid = '', name = '', kind] of relations) {
      if (!isInTime()) break;
      const said = await complaintOf(client, oid, kind === 'i', signal);
      if (said !== undefined) findings.push(damaged(`${database}.${name}`, said));
      checked += 1;
    }
    return { looked: [`${checked} of ${relations.length} relations of ${database} by amcheck`], findings };
  } catch (error) {
    // The image is without it, its role may not, or it is a standby.
    if (!(error instanceof SqlRefusal)) throw error;
    return { looked: [`no relation of ${database} by amcheck (${error.message})`], findings: [] };
  } finally {
    // With a client that is lost the transaction ended too.
    if (client.isUsable && !signal.aborted) await client.ask('ROLLBACK;', signal);
  }
}

async function complaintOf(
  client: SqlClient,
  oid: string,
  isIndex: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const question = isIndex
    ? `SELECT bt_index_check(${oid}::regclass, true)::text;`
    : `SELECT 'block ' || blkno || ': ' || msg FROM verify_heapam(${oid}::regclass, on_error_stop => true);`;
  await client.ask('SAVEPOINT one;', signal);
  try {
    const rows = await client.ask(question, signal);
    return isIndex ? undefined : rows[0]?.[0];
  } catch (error) {
    if (!(error instanceof SqlRefusal)) throw error;
    return error.message;
  } finally {
    if (client.isUsable && !signal.aborted) await client.ask('ROLLBACK TO one;', signal);
  }
}

function damaged(name: string, said: string): DataDifference {
  return {
    marker: `relation ${name}`,
    expected: 'sound',
    found: said,
    because: 'the server itself calls it damaged',
  };
}
