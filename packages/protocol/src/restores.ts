import { z } from 'zod';
import { epochMsSchema, vmidSchema } from './primitives.ts';
import { regenerablesSchema } from './regenerate.ts';
import { verdictSchema } from './verdict.ts';

const cidr4 = z.cidrv4('write it as ADDRESS/LENGTH, as 10.0.0.5/24');

/** What becomes of the first network (`net0`) of a restored guest; whatever else it says stays. */
export const restoreNetworkSchema = z.discriminatedUnion('policy', [
  /** As in the backup; a copy gets MAC addresses of its own. Two guests then have one address, where that is static. */
  z.strictObject({ policy: z.literal('keep') }),
  z.strictObject({ policy: z.literal('dhcp') }),
  z.strictObject({ policy: z.literal('static'), address: cidr4, gateway: z.ipv4().optional() }),
  /** As with the cable pulled. */
  z.strictObject({ policy: z.literal('link-down') }),
]);
export type RestoreNetwork = z.infer<typeof restoreNetworkSchema>;

export const startRestoreSchema = z.object({
  /** Which backup; the guest's newest when left out, those made for safety before a restore aside. */
  backupId: z.string().optional(),
  /** The guest itself means in place. */
  to: vmidSchema,
  /** Where the restored disks go; the node's default when left out. */
  storage: z.string().min(1).optional(),
  /** The node of the copy; that of the backup when left out. In place: the one where the guest is. */
  node: z.string().min(1).optional(),
  network: restoreNetworkSchema.default({ policy: 'keep' }),
  /** Of a copy: what it makes anew, so as not to share it with its original. In place there is nothing to share. */
  regenerate: regenerablesSchema.default([]),
  /** Must be said where the guest is still there: its disks are destroyed, and its snapshots with them. */
  replace: z.boolean().default(false),
  /** What is made of the guest as it is, before it is replaced. */
  safety: z.enum(['backup', 'none']).default('backup'),
});
export type StartRestore = z.input<typeof startRestoreSchema>;

/** A storage snapshot that was taken while the guest was held; its verdict is made as a backup's is. */
export const heldSnapshotSchema = z.object({
  operationId: z.string(),
  vmid: vmidSchema,
  node: z.string(),
  /** As Proxmox VE knows it. */
  name: z.string(),
  /** What was going to be done, in the words of whoever asked. */
  before: z.string(),
  takenAt: epochMsSchema,
  verdict: verdictSchema,
});
export type HeldSnapshot = z.infer<typeof heldSnapshotSchema>;

export const startSnapshotSchema = z.object({
  /** What is going to be done: `upgrade nextcloud`. The snapshot's name comes of it. */
  before: z.string().trim().min(1).max(200),
});

export const startRollbackSchema = z.object({
  /** The newest that this controller has made when left out. */
  name: z
    .string()
    .regex(/^[A-Za-z][\w-]{1,39}$/)
    .optional(),
});

/** One snapshot of a guest as its node lists it. */
export const guestSnapshotSchema = z.object({
  name: z.string(),
  description: z.string(),
  takenAt: epochMsSchema.nullable(),
  parent: z.string().nullable(),
  /** Null for one that this controller has not made. */
  held: heldSnapshotSchema.nullable(),
});
export type GuestSnapshot = z.infer<typeof guestSnapshotSchema>;
export const guestSnapshotListSchema = z.object({ snapshots: z.array(guestSnapshotSchema) });

/**
 * What a restore into a scratch guest has shown of a backup. `proven`: it became ready, by its own agent's word.
 * `started`: it was restored and ran for a while, and nobody could ask it. `failed`: neither. `interrupted`: it has
 * shown nothing.
 */
export const drillOutcomeSchema = z.enum(['proven', 'started', 'failed', 'interrupted']);

export const drillSchema = z.object({
  operationId: z.string(),
  backupId: z.string(),
  vmid: vmidSchema,
  scratchVmid: vmidSchema,
  startedAt: epochMsSchema,
  finishedAt: epochMsSchema.nullable(),
  /** Null while it runs. */
  outcome: drillOutcomeSchema.nullable(),
  /** From the request to start the scratch guest. Null unless proven. */
  readyAfterMs: z.number().nonnegative().nullable(),
  message: z.string(),
});
export type Drill = z.infer<typeof drillSchema>;

export const startDrillSchema = z.object({
  /** Which backup; the guest's newest when left out, those made for safety before a restore aside. */
  backupId: z.string().optional(),
});
