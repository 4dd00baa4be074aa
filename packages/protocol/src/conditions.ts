import { z } from 'zod';
import { epochMsSchema } from './primitives.ts';

export const conditionTypeSchema = z.enum([
  'EngineReachable',
  'Thawed',
  'StacksRunning',
  'ServicesHealthy',
  'DatabasesAccepting',
  'DataVerified',
  'RestartPoliciesEnforced',
  'IdentityVerified',
  'Ready',
]);
export type ConditionType = z.infer<typeof conditionTypeSchema>;

export const conditionStatusSchema = z.enum(['True', 'False', 'Unknown']);
export type ConditionStatus = z.infer<typeof conditionStatusSchema>;

/** The Kubernetes shape and meaning: `lastTransitionTime` moves only when `status` does. */
export const conditionSchema = z.object({
  type: conditionTypeSchema,
  status: conditionStatusSchema,
  /** One CamelCase word for programs. */
  reason: z.string().regex(/^[A-Z][A-Za-z0-9]*$/),
  /** A sentence for people: what it is, and which service. */
  message: z.string(),
  observedGeneration: z.number().int().nonnegative(),
  lastTransitionTime: epochMsSchema,
});
export type Condition = z.infer<typeof conditionSchema>;
