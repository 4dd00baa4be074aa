import { z } from 'zod';

/** A guest's id on its node, as Proxmox VE limits it. */
export const vmidSchema = z.number().int().min(100).max(999_999_999);

/** Milliseconds since the Unix epoch. */
export const epochMsSchema = z.number().int().nonnegative();

export const durationMsSchema = z.number().nonnegative();

/** Opaque; made by whoever starts the operation. */
export const operationIdSchema = z.string().min(1).max(64);

/** What a backup is worth: `app` only with proof, `crash` like plain vzdump, `unknown` when nobody saw. */
export const consistencySchema = z.enum(['app', 'crash', 'unknown']);
export type Consistency = z.infer<typeof consistencySchema>;

export const methodNameSchema = z.enum(['postgres', 'redis', 'freeze', 'pause', 'stop', 'none']);
export type MethodName = z.infer<typeof methodNameSchema>;

/** Docker's restart policy names; `no` is the absence of one. */
export const restartPolicySchema = z.enum(['no', 'on-failure', 'unless-stopped', 'always']);
export type RestartPolicy = z.infer<typeof restartPolicySchema>;

/** The engine's word for a container's state. */
export const containerStateSchema = z.enum([
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
]);
export type ContainerState = z.infer<typeof containerStateSchema>;

/** The engine's word for a health check's result; `none` where the container has no check. */
export const healthSchema = z.enum(['none', 'starting', 'healthy', 'unhealthy']);
export type Health = z.infer<typeof healthSchema>;
