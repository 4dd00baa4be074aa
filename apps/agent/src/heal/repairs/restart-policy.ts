import type { HealStep } from '@tacet/core';
import type { RestartPolicy } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import type { Engine } from '../../engine/engine.ts';
import type { Journal } from '../../journal/journal.ts';
import type { StepContext } from './repair.ts';

/** Written down first: what is not recorded cannot be undone. */
export async function enforceRestartPolicy(
  step: HealStep & { policy: RestartPolicy; previous: RestartPolicy },
  { engine, journal, clock }: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { containerId, stack, service, policy, previous } = step;
  const changedAt = Math.floor(clock.now());
  await journal.recordRestartPolicyChange({ containerId, stack, service, policy, previous, changedAt });
  await engine.setRestartPolicy(containerId, policy, signal);
}

/**
 * Gives back what heal has changed; what somebody has changed since is left alone. @returns what was done, a
 * line for each.
 */
export async function undoRestartPolicies(
  { engine, journal }: { engine: Engine; journal: Journal },
  signal: AbortSignal,
): Promise<string[]> {
  const lines: string[] = [];
  for (const change of await journal.readRestartPolicyChanges()) {
    const { containerId, stack, service, policy, previous } = change;
    const now = (await engine.containers(signal)).find(({ id }) => id === containerId);
    const of = `${stack}/${service}`;
    if (!now) lines.push(`${of}: its container is gone, nothing to undo`);
    else if (now.restartPolicy === previous) lines.push(`${of}: has ${previous} already`);
    else if (now.restartPolicy !== policy) {
      lines.push(`${of}: left as it is, somebody has changed it to ${now.restartPolicy} since`);
    } else {
      try {
        await engine.setRestartPolicy(containerId, previous, signal);
      } catch (error) {
        throw new TacetError(`the restart policy of ${of} could not be changed back to ${previous}`, {
          code: 'internal',
          cause: error,
        });
      }
      lines.push(`${of}: ${previous} again, instead of ${policy}`);
    }
    await journal.forgetRestartPolicyChange(containerId);
  }
  return lines;
}
