import type { Judgement } from './check.ts';
import type { AgentFacts } from './facts.ts';

/** What only the agent can see, where it has not said it. */
export function unseen(agent: AgentFacts | undefined): Judgement {
  if (agent === undefined) return { notKnown: 'no agent of this guest is enrolled' };
  if (!agent.connected) return { notKnown: 'its agent is not connected' };
  return { notKnown: 'its agent has not said so: its engine is away, or the agent is of an older version' };
}
