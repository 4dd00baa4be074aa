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

/** Engines that Tacet can talk to, and `exec`: commands that a label gives. */
export const engineMethodSchema = z.enum([
  'postgres',
  'mariadb',
  'mysql',
  'redis',
  'mongodb',
  'sqlite',
  'exec',
]);
export type EngineMethodName = z.infer<typeof engineMethodSchema>;

/** How a service is quiesced: by its engine's own method, or only by one of the generic holds. */
export const methodNameSchema = z.enum([...engineMethodSchema.options, 'freeze', 'pause', 'stop', 'none']);
export type MethodName = z.infer<typeof methodNameSchema>;

/** What makes a container's writes stand still; `lock` is the engine's own way. */
export const holdActionSchema = z.enum(['stop', 'pause', 'lock', 'freeze']);
export type HoldAction = z.infer<typeof holdActionSchema>;

/**
 * How a stack stands still. `sweep`: engines are flushed and locked, then every container is frozen at one
 * point; `flush`: only the engines; `freeze`, `pause`, `stop`: every container, and no engine is asked.
 */
export const stackPolicySchema = z.enum(['sweep', 'flush', 'freeze', 'pause', 'stop', 'none']);
export type StackPolicy = z.infer<typeof stackPolicySchema>;

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
