import { backoff, type Clock, type Logger } from '@tacet/runtime';
import type { Engine } from './engine/engine.ts';

export interface EngineWatchOptions {
  engine: Engine;
  /** Told at each change of a container, and when the daemon comes or goes. */
  onChange: () => void;
  clock: Clock;
  random: () => number;
  log: Logger;
}

/** Follows the engine's changes for as long as the agent runs, across restarts of the daemon. Never rejects. */
export async function watchEngine(options: EngineWatchOptions, signal: AbortSignal): Promise<void> {
  const { engine, onChange, clock, random, log } = options;
  const newDelays = () => backoff({ baseMs: 1_000, capMs: 10_000, random });
  let delays = newDelays();
  while (!signal.aborted) {
    try {
      for await (const _ of engine.changes(signal)) {
        delays = newDelays();
        onChange();
      }
    } catch (error) {
      if (signal.aborted) return;
      log.debug('the engine no longer reports its changes', { error });
    }
    onChange();
    await clock.sleep(delays.next().value, signal).catch(() => log.debug('the agent ends: engine unwatched'));
  }
}
