// The writer of the stack under test. It runs in a container on Debian's Node 20, as one bundled file.
import { randomUUID } from 'node:crypto';
import { AckSender } from './ack-sender.ts';
import { openPostgres, openRedis } from './targets.ts';
import { writeForever } from './write-stream.ts';

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const runId = randomUUID();
const intervalMs = Number(setting('WRITE_INTERVAL_MS'));
const sender = new AckSender(setting('ACK_COLLECTOR'));
const postgresUrl = setting('POSTGRES_URL');
const redisUrl = setting('REDIS_URL');

// As PID 1 of its container a process has no default reaction to signals.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));

console.log(`run ${runId}: a write every ${intervalMs} ms or slower`);
await Promise.all([
  writeForever({
    name: 'postgres',
    runId,
    intervalMs,
    open: () => openPostgres(postgresUrl),
    acknowledge: (seq) => sender.send({ runId, stream: 'postgres', seq }),
  }),
  writeForever({
    name: 'redis',
    runId,
    intervalMs,
    open: () => openRedis(redisUrl),
    acknowledge: (seq) => sender.send({ runId, stream: 'redis', seq }),
  }),
]);
