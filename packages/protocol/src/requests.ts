import { z } from 'zod';
import { durationMsSchema, epochMsSchema, operationIdSchema } from './primitives.ts';
import {
  quiescePlanSchema,
  releasedBySchema,
  serviceEvidenceSchema,
  serviceFailureSchema,
} from './quiesce.ts';

const leaseMsSchema = z.number().int().positive();

/** How a hold ended; `releasedBy` null where nothing was held. */
export const thawResultSchema = z.object({
  releasedBy: releasedBySchema.nullable(),
  thawed: z.boolean(),
  services: z.array(serviceEvidenceSchema),
  failures: z.array(serviceFailureSchema),
});
export type ThawResult = z.infer<typeof thawResultSchema>;

/**
 * What the controller may ask of an agent. There is no request that carries a command line: the agent runs
 * only what its own configuration and labels allow.
 */
export const requestSchemas = {
  /** Everything slow, while writes go on: sessions, flushes, the manifest. Idempotent per operation. */
  prepare: {
    params: z.object({ operationId: operationIdSchema, deadlineMs: durationMsSchema }),
    result: z.object({
      plan: quiescePlanSchema,
      prepareMs: durationMsSchema,
      failures: z.array(serviceFailureSchema),
    }),
  },
  /** The stall. Fails with `hold-failed` after thawing whatever was held; a lease is armed before the first hold. */
  hold: {
    params: z.object({
      operationId: operationIdSchema,
      leaseMs: leaseMsSchema,
      deadlineMs: durationMsSchema,
    }),
    result: z.object({
      heldAt: epochMsSchema,
      leaseMs: leaseMsSchema,
      services: z.array(serviceEvidenceSchema),
    }),
  },
  /** Extends the lease up to the agent's own ceiling, which nobody can exceed. */
  renew: {
    params: z.object({ operationId: operationIdSchema, leaseMs: leaseMsSchema }),
    result: z.object({ leaseMs: leaseMsSchema }),
  },
  /** Safe without a hold, and safe twice: it answers how the hold ended, whoever ended it. */
  thaw: {
    params: z.object({ operationId: operationIdSchema }),
    result: thawResultSchema,
  },
  /**
   * At an operator's word: ends whatever is held or prepared, for whichever operation. Safe without a hold. It is
   * released by `operator`, so no proof stands upon that hold.
   */
  'thaw-now': { params: z.object({}), result: thawResultSchema },
  plan: { params: z.object({}), result: quiescePlanSchema },
} as const;

export type RequestMethod = keyof typeof requestSchemas;
export type RequestParams<M extends RequestMethod> = z.infer<(typeof requestSchemas)[M]['params']>;
export type RequestResult<M extends RequestMethod> = z.infer<(typeof requestSchemas)[M]['result']>;

export const requestMethodSchema = z.enum([
  'prepare',
  'hold',
  'renew',
  'thaw',
  'thaw-now',
  'plan',
] satisfies RequestMethod[]);
