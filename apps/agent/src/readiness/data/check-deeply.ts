import { describeError, runWithin } from '@tacet/runtime';
import type { Inspection } from '../../methods/method.ts';
import { engineMethodFor, look, type LookPorts, planFor } from '../../quiesce/look.ts';

const budget = { ms: 600_000, depth: 'deep' } as const;
/** What it has begun it may finish. */
const graceMs = 600_000;

export interface DeepCheck extends Inspection {
  stack: string;
  service: string;
  /** Why it could not be checked. */
  trouble: string | undefined;
}

/** Lets every database that runs look through its own files, one after another, while everybody works on. */
export async function checkDeeply(ports: LookPorts, signal: AbortSignal): Promise<DeepCheck[]> {
  const sight = await look(ports, signal);
  const checks: DeepCheck[] = [];
  for (const planned of planFor(sight, new Map()).services) {
    const { stack, service } = planned;
    const method = engineMethodFor(planned, sight, ports);
    if (!method?.inspect) continue;
    try {
      const inspection = await runWithin(
        signal,
        budget.ms + graceMs,
        `checking ${stack}/${service}`,
        async (within) => await method.inspect?.(budget, within),
        { clock: ports.clock },
      );
      checks.push({ stack, service, looked: [], findings: [], ...inspection, trouble: undefined });
    } catch (error) {
      signal.throwIfAborted();
      checks.push({ stack, service, looked: [], findings: [], trouble: describeError(error) });
    } finally {
      await method.close();
    }
  }
  return checks;
}
