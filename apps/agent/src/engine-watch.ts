import { backoff, type Clock, type Logger } from '@tacet/runtime';
import type { Engine } from './engine/engine.ts';

export interface EngineWatchOptions {
  engine: Engine;
  /** Told at each change of a container, and when the daemon comes or goes. */
  onChange: () => void;
  /** Told when it no longer listens: what happens until the next change, nobody sees. */
  onLost: () => void;
  clock: Clock;
  random: () => number;
  log: Logger;
}

/** Follows the engine's changes for as long as the agent runs, across restarts of the daemon. Never rejects. */
export async function watchEngine(options: EngineWatchOptions, signal: AbortSignal): Promise<void> {
  const { engine, onChange, onLost, clock, random, log } = options;
  // Asking a socket where nobody listens costs next to nothing, and everybody waits for the engine.
  const newDelays = () => backoff({ baseMs: 250, capMs: 5_000, random });
  let delays = newDelays();
  while (!signal.aborted) {
    let isListening = false;
    try {
      for await (const _ of engine.changes(signal)) {
        isListening = true;
        delays = newDelays();
        onChange();
      }
    } catch (error) {
      if (signal.aborted) return;
      log.debug('the engine no longer reports its changes', { error });
    }
    if (isListening) onLost();
    onChange();
    await clock.sleep(delays.next().value, signal).catch(() => log.debug('the agent ends: engine unwatched'));
  }
}
