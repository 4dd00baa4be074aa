import {
  epochMsSchema,
  holdActionSchema,
  methodNameSchema,
  operationIdSchema,
  quiesceStateSchema,
  restartPolicySchema,
} from '@tacet/protocol';
import { z } from 'zod';

/** One way in which a container is held or about to be, with what its release needs to know. */
export const holdRecordSchema = z.object({
  stack: z.string(),
  service: z.string(),
  containerId: z.string(),
  action: holdActionSchema,
  /** Whose lock it is, where the action is `lock`. */
  method: methodNameSchema.exclude(['none']),
  /** Absolute, as the kernel has it while the container runs: thaws without the engine. */
  cgroup: z.string(),
});
export type HoldRecord = z.infer<typeof holdRecordSchema>;

/** Times are epoch milliseconds of the guest's clock. */
export const leaseRecordSchema = z.object({
  grantedAt: epochMsSchema,
  expiresAt: epochMsSchema,
  ceilingAt: epochMsSchema,
});
export type LeaseRecord = z.infer<typeof leaseRecordSchema>;

/**
 * The durable intent of a quiesce: written before the first container is held, so that a fresh process knows
 * what it owes. In `idle` the steps are those of the last operation, all released.
 */
export const quiesceRecordSchema = z.object({
  version: z.literal(2),
  operationId: operationIdSchema,
  state: quiesceStateSchema,
  /** Of the boot in which it was armed: another one means that the guest crashed, or is a restored copy. */
  bootId: z.string(),
  armedAt: epochMsSchema,
  lease: leaseRecordSchema,
  /** In the order of holding. */
  steps: z.array(z.array(holdRecordSchema)),
});
export type QuiesceRecord = z.infer<typeof quiesceRecordSchema>;

/** Restart policies that heal has changed, with what they were: the change can be told and undone. */
export const restartPoliciesSchema = z.object({
  version: z.literal(1),
  changes: z.array(
    z.object({
      containerId: z.string(),
      stack: z.string(),
      service: z.string(),
      previous: restartPolicySchema,
      policy: restartPolicySchema,
      changedAt: epochMsSchema,
    }),
  ),
});
export type RestartPolicyChange = z.infer<typeof restartPoliciesSchema>['changes'][number];
