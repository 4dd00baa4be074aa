import { z } from 'zod';
import {
  containerStateSchema,
  durationMsSchema,
  epochMsSchema,
  holdActionSchema,
  methodNameSchema,
  restartPolicySchema,
} from './primitives.ts';

export const plannedServiceSchema = z.object({
  stack: z.string(),
  service: z.string(),
  containerId: z.string(),
  image: z.string(),
  method: methodNameSchema,
  /** Why this method: `process` is a server that was seen running, `policy` the stack's. */
  chosenBy: z.enum(['image', 'process', 'label', 'policy', 'default']),
  /** What will have made it stand still when the snapshot comes, in this order. */
  holds: z.array(holdActionSchema),
  /** For people: `PostgreSQL 17.6`. Null where nobody asked it, or it has no name. */
  engine: z.string().nullable(),
  /** How long the engine's own lock will keep its writers waiting; null where there is none, or nobody knows. */
  predictedHoldMs: durationMsSchema.nullable(),
  /** What an operator should know of it. */
  notes: z.array(z.string()),
});
export type PlannedService = z.infer<typeof plannedServiceSchema>;

/** Its containers are held in parallel. */
export const planStepSchema = z.object({ action: holdActionSchema, containerIds: z.array(z.string()) });
export type PlanStep = z.infer<typeof planStepSchema>;

/** Of the manifest that a backup carries: what a restore of it brings back, and how it stood. */
export const comingBackSchema = z.object({
  stack: z.string(),
  service: z.string(),
  image: z.string(),
  state: containerStateSchema,
  restartPolicy: restartPolicySchema,
});
export type ComingBack = z.infer<typeof comingBackSchema>;

export const quiescePlanSchema = z.object({
  services: z.array(plannedServiceSchema),
  /** Held one after another; thaw goes the other way round. A container may stand in two. */
  steps: z.array(planStepSchema),
  /** What runs but is not held, and why. */
  uncovered: z.array(z.object({ stack: z.string(), service: z.string(), reason: z.string() })),
  /** Of a preparation, whose manifest is written. */
  comingBack: z.array(comingBackSchema).optional(),
});
export type QuiescePlan = z.infer<typeof quiescePlanSchema>;

/** What happened to one service between hold and thaw; times by the agent's clock. */
export const serviceEvidenceSchema = z.object({
  stack: z.string(),
  service: z.string(),
  containerId: z.string(),
  method: methodNameSchema,
  holds: z.array(holdActionSchema),
  /** As in the plan: the engine by name and version. */
  engine: z.string().nullable(),
  prepareMs: durationMsSchema,
  /** Written to files by the preparation, as the engine counts it. */
  bytesFlushed: z.number().int().nonnegative().nullable(),
  /** Its files may lack what was acknowledged since then; null where nothing can be missing. */
  behindSince: epochMsSchema.nullable(),
  holdStartedAt: epochMsSchema,
  heldAt: epochMsSchema,
  /** Null until thawed. */
  thawedAt: epochMsSchema.nullable(),
  /** The longest time between two answers to a probe of the agent's, from before the hold to after the thaw. */
  probeStallMs: durationMsSchema.nullable(),
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
