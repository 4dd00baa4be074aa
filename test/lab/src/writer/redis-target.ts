import { churn, churnStart } from './churn.ts';
import { RedisConnection } from './redis-connection.ts';
import type { Target } from './target.ts';

const churnScript = `
for i = 1, ${churn.rowsPerChurn} do redis.call('SET', 'churn:' .. (ARGV[1] + i), ARGV[2]) end
return ${churn.rowsPerChurn}`;

/** How many of the newest payloads are kept: the data set must not grow without end. */
const payloadsKept = 4096;

/** A list per run with every number in it. */
export async function openRedis(url: URL, payload: string): Promise<Target> {
  const connection = await RedisConnection.open(url);
  return {
    async write(runId, seq) {
      if (payload !== '') await connection.command('SET', `payload:${seq % payloadsKept}`, payload);
      await connection.command('RPUSH', `writes:${runId}`, `${seq}`);
    },
    async churn() {
      const row = `${Math.random()}`.padEnd(churn.rowBytes, 'x');
      await connection.command('EVAL', churnScript, '0', `${churnStart()}`, row);
    },
    close: () => connection.close(),
  };
}
