import type { BackupObservation } from '@tacet/core';

export function nothingSeen(): BackupObservation {
  return {
    plan: undefined,
    notHeldBecause: undefined,
    holdConfirmedAt: undefined,
    backupRequestedAt: undefined,
    mode: undefined,
    snapshotSeenAt: undefined,
    snapshotLine: undefined,
    thawSentAt: undefined,
    leaseLeftMs: undefined,
    thaw: undefined,
  };
}

export function lostAnswer(): BackupObservation {
  return {
    ...nothingSeen(),
    notHeldBecause:
      'the answer to the request for the backup was lost, so the guest was thawed before the snapshot was seen',
  };
}
