import type { Backup } from '@tacet/protocol';

/** Of guest 101, made by operation `op0`; nothing was held for it. */
export const storedBackup: Backup = {
  id: 'b1',
  operationId: 'op0',
  vmid: 101,
  node: 'pve1',
  volid: 'local:backup/x.tar.zst',
  sizeBytes: 1,
  startedAt: 1,
  finishedAt: 2,
  origin: 'controller',
  verdict: {
    consistency: 'crash',
    reason: 'NotHeld',
    message: 'no agent',
    proof: null,
    services: [],
    uncovered: [],
  },
};
