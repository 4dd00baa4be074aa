import type { Backup, Guest, Operation, ServiceEvidence } from '@tacet/protocol';

// A guest, a backup and an operation that are fine, for tests to spoil.

export const now = 1_800_000_000_000;

export function aService(service: string, more: Partial<ServiceEvidence> = {}): ServiceEvidence {
  return {
    stack: 'shop',
    service,
    containerId: service,
    method: 'freeze',
    holds: ['freeze'],
    engine: null,
    prepareMs: 1,
    bytesFlushed: null,
    behindSince: null,
    holdStartedAt: now - 1_000,
    heldAt: now - 950,
    thawedAt: now - 800,
    probeStallMs: null,
    intactUntilThaw: true,
    ...more,
  };
}

export function aBackup(more: Partial<Backup> = {}): Backup {
  return {
    id: 'b1',
    operationId: 'o1',
    vmid: 101,
    node: 'pve1',
    volid: 'local:backup/x.tar.zst',
    sizeBytes: 934_000_000,
    startedAt: now - 60_000,
    finishedAt: now - 30_000,
    origin: 'controller',
    verdict: {
      consistency: 'app',
      reason: 'HoldSpansSnapshot',
      message: '1 service was held from before the snapshot until after it',
      proof: null,
      services: [aService('db')],
      uncovered: [],
    },
    ...more,
  };
}

export function aGuest(more: Partial<Guest> = {}): Guest {
  return {
    id: 'g1',
    vmid: 101,
    identity: 'enrolled',
    connected: true,
    agentVersion: '0.1.0',
    incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'shop' },
    quiesceState: 'idle',
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'AllConditionsTrue',
        message: 'everything that should run runs',
        observedGeneration: 1,
        lastTransitionTime: now - 3_600_000,
      },
    ],
    services: [],
    lastSeenAt: now - 1_000,
    lastBackup: aBackup(),
    simulated: false,
    ...more,
  };
}

export function anOperation(more: Partial<Operation> = {}): Operation {
  return {
    id: 'o1',
    kind: 'backup',
    vmid: 101,
    state: 'succeeded',
    startedAt: 0,
    finishedAt: 9_000,
    steps: [],
    backup: null,
    restoredTo: null,
    error: null,
    ...more,
  };
}
