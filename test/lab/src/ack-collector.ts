import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { longestGap, parseReport, writeRate } from './ack-log.ts';
import { bridge, defaultAckPort } from './addresses.ts';
import type { AckCollector, Acknowledgement } from './types.ts';

/** How often each writer hears from us, so that it notices a pulled cable. */
const heartbeatMs = 500;

/**
 * Listens outside the guests for what their writers were confirmed, and keeps it in memory and, one JSON line
 * each, in a file. Which guest speaks is told by its address.
 */
export async function openAckCollector(options: {
  file: string;
  address?: string;
  port?: number;
}): Promise<AckCollector> {
  const all: Acknowledgement[] = [];
  const log = createWriteStream(options.file, { flags: 'a' });
  await once(log, 'open');
  const sockets = new Set<Socket>();
  const listeners = new Set<(ack: Acknowledgement) => void>();
  let logError: Error | undefined;
  log.on('error', (error) => (logError = error));

  const server = createServer((socket) => {
    sockets.add(socket);
    const guestAddress = socket.remoteAddress ?? '';
    // A guest that is killed resets its connection; what it had reported by then counts.
    socket.on('error', () => socket.destroy());
    const heartbeat = setInterval(() => socket.write('\n'), heartbeatMs);
    socket.on('close', () => {
      clearInterval(heartbeat);
      sockets.delete(socket);
    });
    const lines = createInterface({ input: socket });
    // The same reset again: the interface passes on its input's errors.
    lines.on('error', () => socket.destroy());
    lines.on('line', (line) => {
      const report = parseReport(line);
      if (!report) return;
      const ack = { ...report, guestAddress, atMs: Date.now(), monotonicMs: performance.now() };
      all.push(ack);
      log.write(`${JSON.stringify(ack)}\n`);
      for (const listener of listeners) listener(ack);
    });
  });
  const address = options.address ?? bridge.hostAddress;
  server.listen({ host: address, port: options.port ?? defaultAckPort });
  await once(server, 'listening');
  const bound = server.address();

  return {
    address,
    port: typeof bound === 'object' && bound ? bound.port : 0,
    file: options.file,
    acknowledged: (stream, filter = {}) =>
      all.filter(
        (ack) =>
          ack.stream === stream &&
          (filter.stack === undefined || ack.stack === filter.stack) &&
          (filter.guestAddress === undefined || ack.guestAddress === filter.guestAddress) &&
          (filter.before === undefined || ack.atMs < filter.before),
      ),
    longestGap: (stream, window) => longestGap(all, stream, window),
    rate: (stream, window) => writeRate(all, stream, window),
    next: (stream, guestAddress, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const settle = (): void => {
          listeners.delete(listener);
          signal.removeEventListener('abort', onAbort);
        };
        const listener = (ack: Acknowledgement): void => {
          if (ack.stream !== stream || ack.guestAddress !== guestAddress) return;
          settle();
          resolve(ack);
        };
        const onAbort = (): void => {
          settle();
          reject(signal.reason);
        };
        listeners.add(listener);
        signal.addEventListener('abort', onAbort, { once: true });
      }),
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      log.end();
      await finished(log);
      if (logError) throw logError;
    },
  };
}
