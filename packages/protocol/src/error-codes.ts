import { z } from 'zod';

/** Every refusal has one of these codes; a code, once released, keeps its meaning. */
export const errorCodeSchema = z.enum([
  'invalid-input',
  'unauthorized',
  'forbidden',
  'too-many-requests',
  'not-found',
  'conflict',
  'guest-not-connected',
  'guest-quarantined',
  'operation-mismatch',
  'wrong-state',
  'lease-expired',
  'prepare-failed',
  'hold-failed',
  'engine-unreachable',
  'node-unreachable',
  'node-refused',
  'node-busy',
  'backup-failed',
  'restore-failed',
  'deadline-exceeded',
  'unsupported-version',
  'not-ready',
  'not-started',
  'cancelled',
  'internal',
]);
export type ErrorCode = z.infer<typeof errorCodeSchema>;

export const wireErrorSchema = z.object({
  code: errorCodeSchema,
  message: z.string(),
  /** What to do about it, for a person. */
  hint: z.string().optional(),
  retryable: z.boolean(),
});
export type WireError = z.infer<typeof wireErrorSchema>;
