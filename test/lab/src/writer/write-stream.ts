import { setTimeout as delay } from 'node:timers/promises';
import type { Target } from './target.ts';

/** No hold lasts that long: a write that takes longer went to a server that is gone without a word. */
const writeTimeoutMs = 60_000;
const reopenAfterMs = 200;

export interface StreamOptions {
  name: string;
  /** From the beginning of one to the beginning of the next, at least; 0 is as fast as it goes. */
  intervalMs: number;
  open: () => Promise<Target>;
}

/**
 * Writes 1, 2, 3 … for as long as the process lives. A write whose outcome is unknown (the connection broke
 * before the confirmation) is never acknowledged and its number never used again.
 */
export function writeForever(
  options: StreamOptions & { runId: string; acknowledge: (seq: number) => void },
): Promise<never> {
  let seq = 0;
  return repeatForever(options, async (target) => {
    seq += 1;
    await target.write(options.runId, seq);
    options.acknowledge(seq);
  });
}

/** Load beside the writes, over a connection of its own; nothing of it is acknowledged. */
export function churnForever(options: StreamOptions): Promise<never> {
  return repeatForever(options, (target) => target.churn());
}

/** Opens its target anew whenever something fails. */
async function repeatForever(
  { name, intervalMs, open }: StreamOptions,
  act: (target: Target) => Promise<void>,
): Promise<never> {
  for (;;) {
    let target: Target | undefined;
    try {
      target = await open();
      for (;;) {
        const startedMs = performance.now();
        await withinDeadline(act(target));
        if (intervalMs > 0) await delay(Math.max(0, intervalMs - (performance.now() - startedMs)));
      }
    } catch (error) {
      console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      target?.close();
    }
    await delay(reopenAfterMs);
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
