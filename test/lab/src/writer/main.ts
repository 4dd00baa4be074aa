// The writer of the stacks under test. It runs in a container on Debian's Node 20, as one bundled file.
import { randomBytes, randomUUID } from 'node:crypto';
import { AckSender } from './ack-sender.ts';
import { parseDestinations } from './target.ts';
import { churnForever, writeForever } from './write-stream.ts';

function setting(name: string, otherwise?: string): string {
  const value = process.env[name] || otherwise;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

const runId = randomUUID();
const stack = setting('STACK');
const sender = new AckSender(setting('ACK_COLLECTOR'));
const intervalMs = Number(setting('WRITE_INTERVAL_MS'));
const payloadBytes = Number(setting('WRITE_PAYLOAD_BYTES', '0'));
const loadConnections = Number(setting('LOAD_CONNECTIONS', '0'));
const loadIntervalMs = Number(setting('LOAD_INTERVAL_MS', '50'));
const payload = randomBytes(payloadBytes / 2).toString('hex');

// As PID 1 of its container a process has no default reaction to signals.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));

console.log(`run ${runId}: a write every ${intervalMs} ms or slower`);
await Promise.all(
  parseDestinations(setting('WRITE_TO')).flatMap(({ stream, url, open }) => [
    writeForever({
      name: stream,
      runId,
      intervalMs,
      open: () => open(url, payload),
      acknowledge: (seq) => sender.send({ runId, stack, stream, seq }),
    }),
    ...Array.from({ length: loadConnections }, () =>
      churnForever({ name: `${stream} load`, intervalMs: loadIntervalMs, open: () => open(url, '') }),
    ),
  ]),
);
