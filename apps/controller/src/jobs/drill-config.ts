import { vmidSchema } from '@tacet/protocol';
import { z } from 'zod';

const DAY_MS = 24 * 3_600_000;

/** `drill` in the controller's configuration. */
export const drillConfigSchema = z.strictObject({
  /** Reserved for scratch guests: nothing else may have these VMIDs, and whatever bears a drill's mark is destroyed. */
  vmids: z
    .strictObject({ from: vmidSchema, to: vmidSchema })
    .refine(({ from, to }) => from <= to && to - from < 1_000, 'from 1 to 1000 VMIDs, the smaller one first'),
  network: z.discriminatedUnion('policy', [
    z.strictObject({
      /** A bridge that leads nowhere but to this controller. */
      policy: z.literal('bridge'),
      bridge: z.string().regex(/^[A-Za-z][\w.-]{0,14}$/),
      /** Of the scratch guest: `dhcp`, or ADDRESS/LENGTH, which then only one drill at a time can have. */
      address: z.union([z.literal('dhcp'), z.cidrv4()]),
      gateway: z.ipv4().optional(),
    }),
    z.strictObject({ policy: z.literal('link-down') }),
  ]),
  /** Of Proxmox VE: what is granted on a pool outlives the scratch guests in it. */
  pool: z.string().min(1).optional(),
  /** For the scratch guest's disks; where restores put theirs when left out. */
  storage: z.string().min(1).optional(),
  /** How long a scratch guest whose link is down has to keep running. */
  settleMs: z.number().int().positive().max(DAY_MS).default(60_000),
});
