import { createConnection } from 'mariadb';
import { churn, churnStart } from './churn.ts';
import type { Target } from './target.ts';

/** One row per statement, each its own transaction where `?engine=` knows what that is. */
export async function openMariadb(url: URL, payload: string): Promise<Target> {
  const engine = url.searchParams.get('engine') ?? 'InnoDB';
  const writes = `writes_${engine.toLowerCase()}`;
  const churned = `churn_${engine.toLowerCase()}`;
  const connection = await createConnection({
    host: url.hostname,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    connectTimeout: 5000,
  });
  // A lost connection also fails the query that waits for it; between queries the next one fails.
  connection.on('error', () => undefined);
  let writesTable: Promise<unknown> | undefined;
  let churnTable: Promise<unknown> | undefined;
  const fillChurnTable = async (): Promise<void> => {
    const columns = 'id INT PRIMARY KEY, payload TEXT';
    await connection.query(`CREATE TABLE IF NOT EXISTS ${churned} (${columns}) ENGINE=${engine}`);
    await connection.query(
      `INSERT IGNORE INTO ${churned} SELECT seq, REPEAT('x', ${churn.rowBytes}) FROM seq_1_to_${churn.rows}`,
    );
  };
  return {
    async write(runId, seq) {
      writesTable ??= connection.query(
        `CREATE TABLE IF NOT EXISTS ${writes} (run_id CHAR(36) CHARACTER SET ascii, seq BIGINT, payload TEXT, ` +
          `PRIMARY KEY (run_id, seq)) ENGINE=${engine}`,
      );
      await writesTable;
      await connection.execute(`INSERT INTO ${writes} VALUES (?, ?, ?)`, [runId, seq, payload]);
    },
    async churn() {
      churnTable ??= fillChurnTable();
      await churnTable;
      const start = churnStart();
      await connection.execute(
        `UPDATE ${churned} SET payload = REPEAT(MD5(RAND()), ${churn.rowBytes / 32}) WHERE id >= ? AND id < ?`,
        [start, start + churn.rowsPerChurn],
      );
    },
    close: () => connection.destroy(),
  };
}
