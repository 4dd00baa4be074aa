import type { Manifest, QuiesceState } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import type { Recovery } from '../quiesce/recovery.ts';
import { type FoundOnStart, whyHeal } from './heal-decision.ts';
import type { HealRecord } from './heal-record.ts';

const manifest: Manifest = {
  version: 1,
  operationId: 'op',
  takenAt: 0,
  bootId: 'boot-of-the-backup',
  incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'h' },
  agentVersion: '0',
  engineVersion: '26',
  services: [],
};

const record: HealRecord = {
  version: 1,
  operationId: 'op',
  vmid: 101,
  because: 'a heal was owed, and not finished',
  startedAt: 1,
  finishedAt: null,
  findings: [],
};

const found = (more: Partial<FoundOnStart> & { vmid?: number | null } = {}): FoundOnStart => ({
  manifest,
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
    expect(whyHeal(at, recovery)).toMatch(/\w/);
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
    expect(whyHeal(at, recovery)).toBeUndefined();
  });
});
