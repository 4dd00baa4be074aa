import { Client } from 'pg';
import { RedisConnection } from './redis-connection.ts';
import type { Target } from './write-stream.ts';

/** One row per transaction, each committed synchronously. */
export async function openPostgres(url: string): Promise<Target> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  // A lost connection also fails the query that waits for it; between queries the next one fails.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SET synchronous_commit = on');
    await client.query(
      'CREATE TABLE IF NOT EXISTS writes (run_id text, seq bigint, at timestamptz DEFAULT now(), PRIMARY KEY (run_id, seq))',
    );
  } catch (error) {
    void client.end();
    throw error;
  }
  return {
    async write(runId, seq) {
      await client.query({
        name: 'write',
        text: 'INSERT INTO writes (run_id, seq) VALUES ($1, $2)',
        values: [runId, seq],
      });
    },
    close: () => void client.end(),
  };
}

/** A list per run with every number in it, and the run's last number. */
export async function openRedis(url: string): Promise<Target> {
  const connection = await RedisConnection.open(new URL(url));
  return {
    async write(runId, seq) {
      await connection.command('RPUSH', `writes:${runId}`, `${seq}`);
      await connection.command('SET', `last:${runId}`, `${seq}`);
    },
    close: () => connection.close(),
  };
}
