import { z } from 'zod';
import { durationMsSchema, epochMsSchema, methodNameSchema } from './primitives.ts';

export const plannedServiceSchema = z.object({
  stack: z.string(),
  service: z.string(),
  containerId: z.string(),
  image: z.string(),
  method: methodNameSchema,
  /** Why this method: `image`, `label`, or `default`. */
  chosenBy: z.enum(['image', 'label', 'default']),
});
export type PlannedService = z.infer<typeof plannedServiceSchema>;

/** Waves are held one after another, the services of a wave in parallel; thaw goes the other way round. */
export const quiescePlanSchema = z.object({
  waves: z.array(z.array(plannedServiceSchema)),
  /** What runs but is not held, and why. */
  uncovered: z.array(z.object({ stack: z.string(), service: z.string(), reason: z.string() })),
});
export type QuiescePlan = z.infer<typeof quiescePlanSchema>;

/** What happened to one service between hold and thaw; times by the agent's clock. */
export const serviceEvidenceSchema = z.object({
  stack: z.string(),
  service: z.string(),
  containerId: z.string(),
  method: methodNameSchema,
  prepareMs: durationMsSchema,
  holdStartedAt: epochMsSchema,
  heldAt: epochMsSchema,
  /** Null until thawed. */
  thawedAt: epochMsSchema.nullable(),
  /** Seen still held immediately before the thaw; null until thawed. */
  intactUntilThaw: z.boolean().nullable(),
});
export type ServiceEvidence = z.infer<typeof serviceEvidenceSchema>;

export const serviceFailureSchema = z.object({
  stack: z.string(),
  service: z.string(),
  phase: z.enum(['prepare', 'hold', 'thaw']),
  message: z.string(),
});
export type ServiceFailure = z.infer<typeof serviceFailureSchema>;

/** Who ended a hold. Only `controller` can be part of a proof. */
export const releasedBySchema = z.enum([
  'controller',
  'lease-expired',
  'agent-restarted',
  'hold-failed',
  'operator',
]);
export type ReleasedBy = z.infer<typeof releasedBySchema>;

export const quiesceStateSchema = z.enum(['idle', 'preparing', 'prepared', 'holding', 'held', 'thawing']);
export type QuiesceState = z.infer<typeof quiesceStateSchema>;
