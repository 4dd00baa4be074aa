import { z } from 'zod';
import { consistencySchema, durationMsSchema, epochMsSchema } from './primitives.ts';
import { comingBackSchema, serviceEvidenceSchema } from './quiesce.ts';

/**
 * Why a hold is known to span the snapshot. All times by the controller's clock, and each is a moment the
 * controller itself saw, so no two clocks are ever compared.
 */
const requestProofSchema = z.object({
  kind: z.literal('order-of-request'),
  /** The agent's answer "held" had arrived. */
  holdConfirmedAt: epochMsSchema,
  /** After that, Proxmox was asked for the backup: no snapshot can be older. */
  backupRequestedAt: epochMsSchema,
  /** A poll of the task log showed a line that comes only after the snapshot. */
  snapshotSeenAt: epochMsSchema,
  snapshotLine: z.string(),
  /** After that, the thaw was sent. */
  thawSentAt: epochMsSchema,
  /** The agent's answer: it was this thaw that ended the hold, and every service was still held then. */
  leaseLeftMs: durationMsSchema,
});
export type RequestProof = z.infer<typeof requestProofSchema>;

const hookProofSchema = z.object({
  kind: z.literal('hook'),
  /** The agent's answer "held" had arrived. */
  holdConfirmedAt: epochMsSchema,
  /** After that, the hook script, for which vzdump was waiting, was let go: no snapshot can be older. */
  snapshotAllowedAt: epochMsSchema,
  /** vzdump called the hook for a phase that comes only after the snapshot. */
  snapshotSeenAt: epochMsSchema,
  /** That phase, as vzdump called it: `pre-restart snapshot 101`. */
  snapshotCall: z.string(),
  /** After that, the thaw was sent. */
  thawSentAt: epochMsSchema,
  /** As in the other kind. */
  leaseLeftMs: durationMsSchema,
});
export type HookProof = z.infer<typeof hookProofSchema>;

export const proofSchema = z.discriminatedUnion('kind', [requestProofSchema, hookProofSchema]);
export type Proof = z.infer<typeof proofSchema>;

export const verdictSchema = z.object({
  consistency: consistencySchema,
  /** One CamelCase word for programs. */
  reason: z.string(),
  /** A sentence for people. */
  message: z.string(),
  proof: proofSchema.nullable(),
  services: z.array(serviceEvidenceSchema),
  uncovered: z.array(z.object({ stack: z.string(), service: z.string(), reason: z.string() })),
  /** As the manifest in the backup has it; left out where no agent wrote one for it. */
  comingBack: z.array(comingBackSchema).optional(),
});
export type Verdict = z.infer<typeof verdictSchema>;
