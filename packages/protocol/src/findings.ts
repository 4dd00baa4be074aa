import { z } from 'zod';
import { conditionStatusSchema } from './conditions.ts';
import { epochMsSchema, vmidSchema } from './primitives.ts';

/** Stable: scripts and `docs/guides/doctor.md` name them. */
export const findingIdSchema = z.enum([
  'node-untrusted',
  'node-unreachable',
  'clock-skew',
  'hook-missing',
  'hook-foreign',
  'hook-broken',
  'hook-calls-elsewhere',
  'token-missing',
  'token-rejected',
  'token-grant-incomplete',
  'token-lacks-privilege',
  'token-over-privileged',
  'token-reaches-others',
  'restore-token-missing',
  'restore-lacks-privilege',
  'restore-lacks-network',
  'storage-missing',
  'storage-inactive',
  'storage-without-backup-content',
  'guest-not-found',
  'guest-cannot-snapshot',
  'guest-lacks-nesting',
  'guest-lacks-keyctl',
  'guest-privileged',
  'mount-point-not-in-backup',
  'bind-mount-not-in-backup',
  'service-data-outside-backup',
  'agent-missing',
  'agent-not-connected',
  'agent-outdated',
  'engine-unreachable',
  'engine-storage-driver',
]);
export type FindingId = z.infer<typeof findingIdSchema>;

/**
 * `error`: a backup or a restore fails, or lacks data. `warning`: it is worth less than it could be, or a token may
 * do more than it must. `notice`: good to know.
 */
export const severitySchema = z.enum(['error', 'warning', 'notice']);
export type Severity = z.infer<typeof severitySchema>;

export const findingSubjectSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('node'), node: z.string() }),
  z.object({ kind: z.literal('storage'), node: z.string(), storage: z.string() }),
  z.object({ kind: z.literal('guest'), vmid: vmidSchema }),
]);
export type FindingSubject = z.infer<typeof findingSubjectSchema>;

export const doctorFindingSchema = z.object({
  id: findingIdSchema,
  severity: severitySchema,
  about: findingSubjectSchema,
  /** A sentence for people. */
  message: z.string(),
  /** What was seen, a line each. */
  evidence: z.array(z.string()),
  /** What to do, in a sentence. */
  remedy: z.string(),
  /** The lines that do it, for a root shell on the node; none where no command can. */
  commands: z.array(z.string()),
});
export type DoctorFinding = z.infer<typeof doctorFindingSchema>;

export const notKnownSchema = z.object({
  about: findingSubjectSchema,
  /** What would have been looked at. */
  what: z.string(),
  because: z.string(),
});
export type NotKnown = z.infer<typeof notKnownSchema>;

/**
 * Whether the next backup of a guest will be made and have its data: `False` where an error says no, `Unknown` where
 * something that matters could not be known. A backup may be made and be no better than `crash`: see the warnings.
 */
export const backupReadySchema = z.object({
  status: conditionStatusSchema,
  /** One CamelCase word for programs. */
  reason: z.string().regex(/^[A-Z][A-Za-z0-9]*$/),
  message: z.string(),
  /** When that was found out. */
  examinedAt: epochMsSchema,
});
export type BackupReady = z.infer<typeof backupReadySchema>;

export const doctorReportSchema = z.object({
  startedAt: epochMsSchema,
  finishedAt: epochMsSchema,
  /** All guests that are enrolled or configured; else those that were asked for. */
  complete: z.boolean(),
  guests: z.array(z.object({ vmid: vmidSchema, backupReady: backupReadySchema })),
  examined: z.object({
    nodes: z.number().int(),
    storages: z.number().int(),
    guests: z.number().int(),
    /** Things looked at: each check of each node, storage and guest that it applies to. */
    points: z.number().int(),
    /** Of these, without a finding. */
    inOrder: z.number().int(),
  }),
  /** The worst first. */
  findings: z.array(doctorFindingSchema),
  /** What could not be judged, which is neither in order nor a finding. */
  notKnown: z.array(notKnownSchema),
});
export type DoctorReport = z.infer<typeof doctorReportSchema>;

export const startDoctorSchema = z.object({
  /** All guests that are enrolled or configured when left out. */
  vmids: z.array(vmidSchema).min(1).max(1000).optional(),
});
