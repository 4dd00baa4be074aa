import type { AgentConfig } from '../config.ts';

export interface CommandInput {
  args: readonly string[];
  json: boolean;
  /** @throws TacetError for a configuration that is not right. */
  config: () => Promise<AgentConfig>;
}

/** Resolves with the process's exit code. */
export type Command = (input: CommandInput) => Promise<number>;
