import type { ThawResult } from '@tacet/protocol';
import type { AgentPort } from './ports.ts';
import { requireAgent } from './rehearsal-job.ts';

/** An agent thaws what it can within seconds, and answers what it could not. */
const DEADLINE_MS = 20_000;

/**
 * Ends whatever is held in a guest, for whomever, at an operator's word. Safe where nothing is.
 *
 * @throws Failure `guest-not-connected`, `guest-quarantined`, and whatever the agent answers; DeadlineError
 */
export async function thawNow(
  vmid: number,
  { agents, leaseMs }: { readonly agents: AgentPort; readonly leaseMs: number },
  signal: AbortSignal,
): Promise<ThawResult> {
  const seconds = Math.ceil(leaseMs / 1000);
  requireAgent(
    vmid,
    agents,
    `What it holds it thaws by itself within ${seconds} s after it heard from the controller last. In the guest: tacet-agent thaw`,
  );
  return await agents.request(vmid, 'thaw-now', {}, { deadlineMs: DEADLINE_MS, signal });
}
