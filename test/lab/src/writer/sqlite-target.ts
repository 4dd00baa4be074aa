import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { churn, churnStart } from './churn.ts';
import type { Target } from './target.ts';

/** As an application's: it waits for whoever has the lock. */
const busyTimeoutMs = 60_000;

/**
 * One transaction per write, through Debian's own `sqlite3` (Node 20 has no SQLite): it writes what it has to
 * say whenever it asks for the next line, and ends at the first error.
 */
export async function openSqlite(url: URL, payload: string): Promise<Target> {
  const shell = spawn('sqlite3', ['-batch', '-bail', url.pathname], { stdio: ['pipe', 'pipe', 'pipe'] });
  let waiting: { resolve: () => void; reject: (error: Error) => void } | undefined;
  let failure: Error | undefined;
  let complaint = '';
  const fail = (error: Error): void => {
    failure ??= error;
    waiting?.reject(failure);
  };
  shell.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  // What it could not read any more is told by its end.
  shell.stdin.on('error', () => undefined);
  shell.on('error', fail);
  shell.on('close', () => fail(new Error(`sqlite3 ended: ${complaint.trim()}`)));
  let asked = 0;
  createInterface({ input: shell.stdout }).on('line', (line) => {
    if (line === `done ${asked}`) waiting?.resolve();
  });

  /** Resolves when the statements before the last word have been committed. */
  const execute = (sql: string): Promise<void> => {
    if (failure) return Promise.reject(failure);
    asked += 1;
    return new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      shell.stdin.write(`${sql}\n.print done ${asked}\n`);
    });
  };

  await execute(`.timeout ${busyTimeoutMs}\nPRAGMA journal_mode = WAL;`);
  let writesTable: Promise<void> | undefined;
  let churnTable: Promise<void> | undefined;
  return {
    async write(runId, seq) {
      writesTable ??= execute(
        'CREATE TABLE IF NOT EXISTS writes (run_id TEXT, seq INTEGER, payload TEXT, PRIMARY KEY (run_id, seq));',
      );
      await writesTable;
      await execute(`INSERT INTO writes VALUES ('${runId}', ${seq}, '${payload}');`);
    },
    async churn() {
      churnTable ??= execute(
        'CREATE TABLE IF NOT EXISTS churn (id INTEGER PRIMARY KEY, payload TEXT);\n' +
          `WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${churn.rows}) ` +
          `INSERT OR IGNORE INTO churn SELECT id, hex(randomblob(${churn.rowBytes / 2})) FROM n;`,
      );
      await churnTable;
      const start = churnStart();
      await execute(
        `UPDATE churn SET payload = hex(randomblob(${churn.rowBytes / 2})) ` +
          `WHERE id >= ${start} AND id < ${start + churn.rowsPerChurn};`,
      );
    },
    close: () => shell.stdin.end(),
  };
}
