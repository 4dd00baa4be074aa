import { z } from 'zod';
import { conditionSchema } from './conditions.ts';
import { errorCodeSchema, wireErrorSchema } from './error-codes.ts';
import { eventSchema } from './events.ts';
import { incarnationSchema } from './incarnation.ts';
import { epochMsSchema, vmidSchema } from './primitives.ts';
import { quiesceStateSchema } from './quiesce.ts';
import { serviceStatusSchema } from './session.ts';
import { verdictSchema } from './verdict.ts';

/** RFC 9457, with a stable code and a hint. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: errorCodeSchema,
  hint: z.string().optional(),
});
export type Problem = z.infer<typeof problemSchema>;

export const backupSchema = z.object({
  id: z.string(),
  operationId: z.string(),
  vmid: vmidSchema,
  node: z.string(),
  volid: z.string(),
  sizeBytes: z.number().int().nonnegative().nullable(),
  startedAt: epochMsSchema,
  finishedAt: epochMsSchema,
  /** Who asked Proxmox VE for it: this controller, or somebody whose job the vzdump hook saw. */
  origin: z.enum(['controller', 'hook']),
  verdict: verdictSchema,
});
export type Backup = z.infer<typeof backupSchema>;

export const operationSchema = z.object({
  id: z.string(),
  kind: z.enum(['backup', 'restore']),
  vmid: vmidSchema,
  state: z.enum(['running', 'succeeded', 'failed']),
  startedAt: epochMsSchema,
  finishedAt: epochMsSchema.nullable(),
  steps: z.array(z.object({ at: epochMsSchema, name: z.string(), message: z.string() })),
  backup: backupSchema.nullable(),
  /** The guest a restore made. */
  restoredTo: vmidSchema.nullable(),
  error: wireErrorSchema.nullable(),
});
export type Operation = z.infer<typeof operationSchema>;

export const guestSchema = z.object({
  /** The controller's own name for this copy; the VMID is what Proxmox calls it. */
  id: z.string(),
  vmid: vmidSchema.nullable(),
  identity: z.enum(['enrolled', 'quarantined']),
  connected: z.boolean(),
  agentVersion: z.string().nullable(),
  incarnation: incarnationSchema.nullable(),
  quiesceState: quiesceStateSchema.nullable(),
  conditions: z.array(conditionSchema),
  services: z.array(serviceStatusSchema),
  lastSeenAt: epochMsSchema.nullable(),
  lastBackup: backupSchema.nullable(),
  /** True where the guest lives on a simulated node. */
  simulated: z.boolean(),
});
export type Guest = z.infer<typeof guestSchema>;

export const guestListSchema = z.object({ guests: z.array(guestSchema) });
export const backupListSchema = z.object({ backups: z.array(backupSchema) });
export const operationListSchema = z.object({ operations: z.array(operationSchema) });

export const storedEventSchema = eventSchema.extend({
  sequence: z.number().int().positive(),
  guestId: z.string().nullable(),
  vmid: vmidSchema.nullable(),
});
export type StoredEvent = z.infer<typeof storedEventSchema>;
export const eventListSchema = z.object({ events: z.array(storedEventSchema), next: z.number().int() });

export const startBackupSchema = z.object({ storage: z.string().min(1).optional() });

export const startRestoreSchema = z.object({
  /** Which backup; the guest's newest when left out. */
  backupId: z.string().optional(),
  to: vmidSchema,
  /** Where the restored disks go; the node's default when left out. */
  storage: z.string().min(1).optional(),
});

export const enrolmentSchema = z.object({ token: z.string(), expiresAt: epochMsSchema, command: z.string() });

export const versionInfoSchema = z.object({
  version: z.string(),
  protocol: z.string(),
  /** Names of configured nodes that are simulators. */
  simulatedNodes: z.array(z.string()),
});
