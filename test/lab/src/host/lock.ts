import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

// An abstract socket: the kernel lets go of it however its owner ends, and leaves no file behind.
const lockPath = '\0tacet-lab.lock';

export interface LabLock {
  release(): Promise<void>;
}

/**
 * The one lock of the lab on this machine. Waits for another process to let go, and says whose turn it is.
 * @throws Error when this very process has it already.
 */
export async function acquireLabLock(
  onWait: (holder: string) => void,
  signal: AbortSignal,
): Promise<LabLock> {
  for (;;) {
    signal.throwIfAborted();
    const lock = await tryLock();
    if (lock) return lock;
    await holderGone(onWait, signal);
  }
}

/** The lock, or undefined when somebody else has it. */
export async function tryLock(): Promise<LabLock | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`${process.pid}`);
  });
  const listening = once(server, 'listening');
  server.listen({ path: lockPath });
  try {
    await listening;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  const waiting = new Set<Socket>();
  server.on('connection', (socket) => {
    waiting.add(socket);
    socket.unref();
    socket.on('close', () => waiting.delete(socket));
  });
  server.unref();
  return {
    release: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of waiting) socket.destroy();
      }),
  };
}

/** Resolves when the process that has the lock lets go of it or ends. */
async function holderGone(onWait: (holder: string) => void, signal: AbortSignal): Promise<void> {
  const socket = connect({ path: lockPath });
  const abort = (): void => void socket.destroy(new Error('aborted', { cause: signal.reason }));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk: Buffer) => {
        const holder = chunk.toString();
        if (holder === `${process.pid}`) reject(new Error('the lab is already open in this process'));
        else onWait(`process ${holder}`);
      });
      // Refused or reset: it let go between our two calls, so it is worth trying again.
      socket.on('error', () => resolve());
      socket.on('close', () => resolve());
    });
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}
