import { z } from 'zod';
import { vmidSchema } from './primitives.ts';

/**
 * Which copy of a guest is speaking. A restore copies the disk, credential included; what it cannot copy is
 * the VMID in the root filesystem's source and, with `unique=1`, the MAC addresses.
 */
export const incarnationSchema = z.object({
  /** From the root filesystem's source; null where this storage does not name it. */
  vmid: vmidSchema.nullable(),
  /** Lower-case, sorted. */
  macs: z.array(z.string()),
  machineId: z.string(),
  hostname: z.string(),
});
export type Incarnation = z.infer<typeof incarnationSchema>;
