import { quiescePlanSchema, serviceEvidenceSchema, serviceFailureSchema } from '@tacet/protocol';
import { z } from 'zod';
import type { QuiesceCoordinator } from './coordinator.ts';

/** What a hold would be like, measured by doing it. */
export const rehearsalSchema = z.object({
  plan: quiescePlanSchema,
  prepareMs: z.number().nonnegative(),
  /** From the first hold to the last thaw. */
  heldMs: z.number().nonnegative(),
  services: z.array(serviceEvidenceSchema),
  failures: z.array(serviceFailureSchema),
});
export type Rehearsal = z.infer<typeof rehearsalSchema>;

const prepareDeadlineMs = 120_000;
const holdDeadlineMs = 20_000;

/** A rehearsal thaws at once: its lease is only for the case that nobody is left to do so. */
const leaseMs = 10_000;

/**
 * Prepares, holds and thaws as for a backup, without one.
 * @throws TacetError as `prepare` and `hold` do; nothing is held then.
 */
export async function rehearse(coordinator: QuiesceCoordinator, operationId: string): Promise<Rehearsal> {
  const prepared = await coordinator.prepare({ operationId, deadlineMs: prepareDeadlineMs });
  await coordinator.hold({ operationId, leaseMs, deadlineMs: holdDeadlineMs });
  const { services, failures } = await coordinator.thaw({ operationId });
  const starts = services.map(({ holdStartedAt }) => holdStartedAt);
  const ends = services.flatMap(({ thawedAt }) => thawedAt ?? []);
  return {
    plan: prepared.plan,
    prepareMs: prepared.prepareMs,
    heldMs: services.length === 0 ? 0 : Math.max(0, Math.max(...ends) - Math.min(...starts)),
    services,
    failures: [...prepared.failures, ...failures],
  };
}
