import { Client } from 'pg';
import { churn, churnStart } from './churn.ts';
import type { Target } from './target.ts';

/** One row per transaction, each committed synchronously. */
export async function openPostgres(url: URL, payload: string): Promise<Target> {
  const client = new Client({
    host: url.hostname,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    connectionTimeoutMillis: 5000,
  });
  // A lost connection also fails the query that waits for it; between queries the next one fails.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SET synchronous_commit = on');
  } catch (error) {
    void client.end();
    throw error;
  }
  let writesTable: Promise<unknown> | undefined;
  let churnTable: Promise<unknown> | undefined;
  return {
    async write(runId, seq) {
      writesTable ??= client.query(
        'CREATE TABLE IF NOT EXISTS writes (run_id text, seq bigint, at timestamptz DEFAULT now(), payload text, ' +
          'PRIMARY KEY (run_id, seq))',
      );
      await writesTable;
      await client.query({
        name: 'write',
        text: 'INSERT INTO writes (run_id, seq, payload) VALUES ($1, $2, $3)',
        values: [runId, seq, payload],
      });
    },
    async churn() {
      churnTable ??= client.query(
        'CREATE TABLE IF NOT EXISTS churn (id integer PRIMARY KEY, payload text);' +
          `INSERT INTO churn SELECT id, repeat('x', ${churn.rowBytes}) FROM generate_series(1, ${churn.rows}) id ` +
          'ON CONFLICT DO NOTHING',
      );
      await churnTable;
      const start = churnStart();
      await client.query({
        name: 'churn',
        text:
          `UPDATE churn SET payload = repeat(md5(random()::text), ${churn.rowBytes / 32}) ` +
          'WHERE id >= $1 AND id < $2',
        values: [start, start + churn.rowsPerChurn],
      });
    },
    close: () => void client.end(),
  };
}
