import { z } from 'zod';
import { serviceMarkerSchema } from './data-marker.ts';
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
  /** Of its last end; null where it ran, or where nobody wrote it down. */
  exitCode: z.number().int().nullable(),
  dependsOn: z.array(dependencySchema),
});
export type ManifestService = z.infer<typeof manifestServiceSchema>;

/** Where compose was told of a stack, by the labels that it puts on containers. Absolute paths in the guest. */
export const composeProjectSchema = z.object({
  stack: z.string(),
  workingDir: z.string(),
  configFiles: z.array(z.string()).min(1),
  envFiles: z.array(z.string()),
});
export type ComposeProject = z.infer<typeof composeProjectSchema>;

/**
 * What must come back. Written before the hold, so that the snapshot copies it: every backup carries the
 * instructions for its own healing.
 */
export const manifestSchema = z.object({
  version: z.literal(3),
  operationId: z.string(),
  takenAt: epochMsSchema,
  bootId: z.string(),
  incarnation: incarnationSchema,
  agentVersion: z.string(),
  engineVersion: z.string(),
  services: z.array(manifestServiceSchema),
  /** Where the databases stood; absent where an agent took none. */
  markers: z.array(serviceMarkerSchema).optional(),
  projects: z.array(composeProjectSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;
