import { setTimeout as delay } from 'node:timers/promises';

/** No hold lasts that long: a write that takes longer went to a server that is gone without a word. */
const writeTimeoutMs = 60_000;

/** One database's connection: each call makes one durable write and resolves once that is confirmed. */
export interface Target {
  write(runId: string, seq: number): Promise<void>;
  close(): void;
}

export interface WriteStreamOptions {
  name: string;
  runId: string;
  intervalMs: number;
  open: () => Promise<Target>;
  acknowledge: (seq: number) => void;
}

/**
 * Writes 1, 2, 3 … for as long as the process lives. A write whose outcome is unknown (the connection broke
 * before the confirmation) is never acknowledged and its number never used again.
 */
export async function writeForever(options: WriteStreamOptions): Promise<never> {
  let seq = 0;
  for (;;) {
    let target: Target | undefined;
    try {
      target = await options.open();
      for (;;) {
        seq += 1;
        const startedMs = performance.now();
        await withinDeadline(target.write(options.runId, seq));
        options.acknowledge(seq);
        await delay(Math.max(0, options.intervalMs - (performance.now() - startedMs)));
      }
    } catch (error) {
      console.error(`${options.name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      target?.close();
    }
    await delay(200);
  }
}

async function withinDeadline(write: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${writeTimeoutMs} ms`)), writeTimeoutMs);
  });
  try {
    await Promise.race([write, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
