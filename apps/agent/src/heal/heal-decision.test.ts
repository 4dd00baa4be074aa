import type { Manifest, ManifestService, QuiesceState } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import type { Recovery } from '../quiesce/recovery.ts';
import { decideHeal, type FoundOnStart } from './heal-decision.ts';
import type { HealRecord } from './heal-record.ts';

const manifest: Manifest = {
  version: 3,
  operationId: 'op',
  takenAt: 10,
  bootId: 'boot-of-the-backup',
  incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'h' },
  agentVersion: '0',
  engineVersion: '26',
  services: [],
  projects: [],
};

const record: HealRecord = {
  version: 1,
  operationId: 'op',
  vmid: 101,
  because: 'a heal was owed, and not finished',
  startedAt: 1,
  finishedAt: null,
  findings: [],
  postRestored: [],
};

const found = (more: Partial<FoundOnStart> & { vmid?: number | null } = {}): FoundOnStart => ({
  manifest,
  standing: undefined,
  record: null,
  bootId: 'boot-of-today',
  incarnation: { ...manifest.incarnation, vmid: more.vmid === undefined ? 101 : more.vmid },
  ...more,
});

const idle: Recovery = { kind: 'nothing-owed' };
const owes = (state: QuiesceState, operationId = 'op'): Recovery => ({
  kind: 'thawing',
  sameBoot: false,
  record: {
    version: 2,
    operationId,
    state,
    bootId: 'boot-of-the-backup',
    armedAt: 1,
    lease: { grantedAt: 1, expiresAt: 2, ceilingAt: 3 },
    steps: [],
  },
});

describe('a guest is healed', () => {
  it.each<[string, FoundOnStart, Recovery]>([
    ['when it is a copy under another VMID', found({ vmid: 201 }), idle],
    ['when it went down, or was copied, while held', found(), owes('held')],
    ['when its storage names no VMID and it was copied while held', found({ vmid: null }), owes('holding')],
    [
      'when nobody can read what was held',
      found(),
      { kind: 'unreadable', message: 'the journal is damaged' },
    ],
    ['when an earlier heal was cut off', found({ record }), idle],
    [
      'when only the original of this copy has been healed',
      found({ vmid: 201, record: { ...record, finishedAt: 2 } }),
      idle,
    ],
    [
      'when it was healed from an older backup',
      found({ record: { ...record, operationId: 'older', finishedAt: 2 } }),
      owes('held'),
    ],
  ])('%s', (_when, at, recovery) => {
    expect(decideHeal(at, recovery)).toMatchObject({
      kind: 'restore',
      manifest,
      because: expect.any(String),
    });
  });
});

describe('a guest is left alone', () => {
  it.each<[string, FoundOnStart, Recovery]>([
    ['when it was merely rebooted', found(), idle],
    ['when only the agent was restarted', found({ bootId: 'boot-of-the-backup' }), owes('held')],
    ['when there was never a backup', found({ manifest: undefined }), idle],
    ['when it has been healed already', found({ record: { ...record, finishedAt: 2 } }), owes('held')],
    ['when what was held is of another operation than the manifest', found(), owes('held', 'another')],
    ['when nobody knows its VMID and nothing was held', found({ vmid: null }), idle],
  ])('%s', (_when, at, recovery) => {
    expect(decideHeal(at, recovery)).toBeUndefined();
  });
});

describe('what was last looked at', () => {
  const service: ManifestService = {
    stack: 'shop',
    service: 'db',
    containerId: 'c1',
    containerName: 'shop-db-1',
    image: 'postgres',
    state: 'running',
    health: 'none',
    restartPolicy: 'always',
    exitCode: null,
    dependsOn: [],
  };
  const without: ManifestService = { ...service, service: 'web', containerId: 'c2', restartPolicy: 'no' };
  const standing: Manifest = {
    ...manifest,
    takenAt: 20,
    operationId: 'standing-1',
    services: [service, without],
  };

  it('comes back after a plain reboot, as far as the engine should have brought it back', () => {
    const order = decideHeal(found({ standing }), idle);
    expect(order).toMatchObject({ kind: 'reboot' });
    expect(order?.manifest.services).toEqual([service]);
  });

  it('comes back whole in a copy of a backup that nobody held for', () => {
    const order = decideHeal(found({ standing, vmid: 201 }), idle);
    expect(order).toMatchObject({ kind: 'restore', manifest: standing });
  });

  it('does not count against what the backup says that was taken while held', () => {
    const older = { ...standing, takenAt: 5 };
    expect(decideHeal(found({ standing: older, vmid: 201 }), owes('held'))).toMatchObject({ manifest });
    expect(decideHeal(found({ standing }), owes('held'))).toMatchObject({ kind: 'restore', manifest });
  });

  it('is of no use in the boot that wrote it, and a healed copy is not healed again by an old manifest', () => {
    const bootId = 'boot-of-today';
    const own = { ...standing, bootId, incarnation: { ...standing.incarnation, vmid: 201 } };
    expect(decideHeal(found({ standing: own, vmid: 201 }), idle)).toBeUndefined();
  });
});
