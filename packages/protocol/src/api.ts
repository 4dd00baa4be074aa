import { z } from 'zod';
import { backupOptionsSchema } from './backup-options.ts';
import { conditionSchema } from './conditions.ts';
import { wireErrorSchema } from './error-codes.ts';
import { eventSchema } from './events.ts';
import { backupReadySchema } from './findings.ts';
import { incarnationSchema } from './incarnation.ts';
import { epochMsSchema, vmidSchema } from './primitives.ts';
import { quiesceStateSchema } from './quiesce.ts';
import { regenerablesSchema, regeneratedOnAdoption } from './regenerate.ts';
import { drillSchema, heldSnapshotSchema } from './restores.ts';
import { guestScheduleSchema } from './schedule-views.ts';
import { serviceStatusSchema } from './session.ts';
import { verdictSchema } from './verdict.ts';

export const backupSchema = z.object({
  id: z.string(),
  operationId: z.string(),
  vmid: vmidSchema,
  node: z.string(),
  volid: z.string(),
  sizeBytes: z.number().int().nonnegative().nullable(),
  startedAt: epochMsSchema,
  finishedAt: epochMsSchema,
  /**
   * Who asked Proxmox VE for it: this controller, somebody whose job the vzdump hook saw, or a restore in place, of what
   * it was about to replace. That last is nobody's default for the next restore.
   */
  origin: z.enum(['controller', 'hook', 'restore']),
  verdict: verdictSchema,
  /** The newest drill of it that has shown something. */
  drill: drillSchema.optional(),
});
export type Backup = z.infer<typeof backupSchema>;

export const operationSchema = z.object({
  id: z.string(),
  /** `rehearsal`: a hold and a thaw without a backup. */
  kind: z.enum(['backup', 'restore', 'snapshot', 'rollback', 'drill', 'rehearsal']),
  vmid: vmidSchema,
  state: z.enum(['running', 'succeeded', 'failed']),
  startedAt: epochMsSchema,
  finishedAt: epochMsSchema.nullable(),
  steps: z.array(z.object({ at: epochMsSchema, name: z.string(), message: z.string() })),
  /** That it made; of a restore in place: what the guest was before. */
  backup: backupSchema.nullable(),
  /** That it took. */
  snapshot: heldSnapshotSchema.optional(),
  /** The guest a restore made. */
  restoredTo: vmidSchema.nullable(),
  /** While it runs and can be cancelled; left out otherwise. */
  cancellable: z.literal(true).optional(),
  error: wireErrorSchema.nullable(),
});
export type Operation = z.infer<typeof operationSchema>;

export const guestPlaceSchema = z.object({
  node: z.string(),
  name: z.string().nullable(),
  tags: z.array(z.string()),
  pool: z.string().nullable(),
});

export const guestSchema = z.object({
  /** The controller's own name for this copy; the VMID is what Proxmox calls it. */
  id: z.string(),
  vmid: vmidSchema.nullable(),
  identity: z.enum(['enrolled', 'quarantined']),
  /** Of a quarantined copy: the guest whose credential it showed. */
  copyOf: vmidSchema.optional(),
  connected: z.boolean(),
  agentVersion: z.string().nullable(),
  incarnation: incarnationSchema.nullable(),
  quiesceState: quiesceStateSchema.nullable(),
  conditions: z.array(conditionSchema),
  services: z.array(serviceStatusSchema),
  lastSeenAt: epochMsSchema.nullable(),
  lastBackup: backupSchema.nullable(),
  /** Left out where the doctor has not examined it yet. */
  backupReady: backupReadySchema.optional(),
  /** As a node has shown it last; left out where none has. */
  place: guestPlaceSchema.optional(),
  /** The schedules that back it up, by name; none where it is empty. Left out of copies. */
  schedules: z.array(guestScheduleSchema).optional(),
  /** True where the guest lives on a simulated node. */
  simulated: z.boolean(),
});
export type Guest = z.infer<typeof guestSchema>;

/** The VMID is for a copy that cannot say its own. */
export const adoptCopySchema = z.object({
  vmid: vmidSchema.optional(),
  /** What the copy makes anew, so as not to share it with its original. */
  regenerate: regenerablesSchema.default([...regeneratedOnAdoption]),
});

export const guestListSchema = z.object({ guests: z.array(guestSchema) });
/** Of lists that come in pages: the `cursor` of what comes after; null at the end. */
const nextSchema = z.string().nullable();
export const backupListSchema = z.object({ backups: z.array(backupSchema), next: nextSchema });
export const operationListSchema = z.object({ operations: z.array(operationSchema), next: nextSchema });

export const storedEventSchema = eventSchema.extend({
  sequence: z.number().int().positive(),
  guestId: z.string().nullable(),
  vmid: vmidSchema.nullable(),
});
export type StoredEvent = z.infer<typeof storedEventSchema>;
export const eventListSchema = z.object({ events: z.array(storedEventSchema), next: z.number().int() });

export const startBackupSchema = backupOptionsSchema;

export const enrolmentSchema = z.object({ token: z.string(), expiresAt: epochMsSchema, command: z.string() });

export const versionInfoSchema = z.object({
  version: z.string(),
  protocol: z.string(),
  /** Names of configured nodes that are simulators. */
  simulatedNodes: z.array(z.string()),
});
