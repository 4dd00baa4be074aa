import type { EngineContainer } from '../../engine/engine.ts';

/** How often containers have ended since this agent looked first, as far as its looks can tell. */
export class StartLog {
  readonly #starts = new Map<string, Set<number>>();

  /** To be called with every look. @returns how often it has ended by now */
  note(name: string, { state, startedAt }: EngineContainer): number {
    const starts = this.#starts.get(name) ?? new Set();
    this.#starts.set(name, starts);
    // Before it first runs, the start that the engine names is one of the time before.
    if (state === 'running' || state === 'restarting') starts.add(startedAt);
    return starts.size - (state === 'running' ? 1 : 0);
  }
}
