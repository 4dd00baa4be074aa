import { createHash } from 'node:crypto';
import type { Incarnation } from '@tacet/protocol';

/** The same for one copy at every reconnect, another for every other copy. */
export function copyKeyOf({ vmid, macs, machineId }: Incarnation): string {
  return createHash('sha256')
    .update(JSON.stringify([vmid, macs, machineId]))
    .digest('hex');
}
