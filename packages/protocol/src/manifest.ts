import { z } from 'zod';
import { incarnationSchema } from './incarnation.ts';
import { containerStateSchema, epochMsSchema, healthSchema, restartPolicySchema } from './primitives.ts';

export const dependencySchema = z.object({
  service: z.string(),
  condition: z.enum(['service_started', 'service_healthy', 'service_completed_successfully']),
});

export const manifestServiceSchema = z.object({
  stack: z.string(),
  service: z.string(),
  containerId: z.string(),
  containerName: z.string(),
  image: z.string(),
  state: containerStateSchema,
  health: healthSchema,
  restartPolicy: restartPolicySchema,
  dependsOn: z.array(dependencySchema),
});
export type ManifestService = z.infer<typeof manifestServiceSchema>;

/**
 * What must come back. Written before the hold, so that the snapshot copies it: every backup carries the
 * instructions for its own healing.
 */
export const manifestSchema = z.object({
  version: z.literal(1),
  operationId: z.string(),
  takenAt: epochMsSchema,
  bootId: z.string(),
  incarnation: incarnationSchema,
  agentVersion: z.string(),
  engineVersion: z.string(),
  services: z.array(manifestServiceSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;
