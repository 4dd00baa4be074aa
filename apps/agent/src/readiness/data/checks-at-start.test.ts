import type { Manifest, ServiceMarker } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import type { Recovery } from '../../quiesce/recovery.ts';
import { checksAtStart } from './checks-at-start.ts';
import type { DataCheck, DataChecks } from './data-checks-file.ts';

const marker = (service: string, takenAt = 5): ServiceMarker => ({
  stack: 'shop',
  service,
  containerId: `id-${service}`,
  containerName: `shop-${service}-1`,
  takenAt,
  marker: { engine: 'redis', persistence: 'dump', appendOnlyBytes: null, keys: {} },
});

const manifest = (more: Partial<Manifest> = {}): Manifest => ({
  version: 3,
  operationId: 'op',
  takenAt: 5,
  bootId: 'old-boot',
  incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'h' },
  agentVersion: '0',
  engineVersion: '26',
  services: [],
  projects: [],
  markers: [marker('db')],
  ...more,
});

const nothingOwed: Recovery = { kind: 'nothing-owed' };
const heldFor = (operationId: string): Recovery => ({
  kind: 'thawing',
  sameBoot: false,
  record: {
    version: 2,
    operationId,
    state: 'holding',
    bootId: 'old-boot',
    armedAt: 6,
    lease: { grantedAt: 6, expiresAt: 7, ceilingAt: 8 },
    steps: [],
  },
});

const check = (service: string, outcome: DataCheck['outcome'], takenAt = 1): DataCheck => ({
  ...marker(service, takenAt),
  extent: 'hold',
  isRestored: true,
  outcome,
});

const differs: DataCheck['outcome'] = {
  kind: 'differs',
  startedAt: 1,
  differences: [{ marker: 'keys', expected: '9', found: '0', because: 'lost' }],
};
const matches: DataCheck['outcome'] = { kind: 'matches', compared: [], left: [] };

const record = (bootId: string, checks: DataCheck[], vmid = 101): DataChecks => ({
  version: 1,
  vmid,
  bootId,
  checks,
});

const at = (found: Partial<Parameters<typeof checksAtStart>[0]>) =>
  checksAtStart({
    manifest: manifest(),
    record: null,
    bootId: 'new-boot',
    vmid: 101,
    recovery: nothingOwed,
    ...found,
  }).map(({ service, extent, isRestored, outcome, takenAt }) => ({
    service,
    extent,
    isRestored,
    kind: outcome.kind,
    takenAt,
  }));

const due = { service: 'db', kind: 'pending', takenAt: 5 };

describe('at the start of', () => {
  it('a copy that was made in the hold all is compared, and its files looked at', () => {
    expect(at({ recovery: heldFor('op') })).toEqual([{ ...due, extent: 'hold', isRestored: true }]);
    expect(at({ recovery: heldFor('op'), vmid: 201 })).toEqual([
      { ...due, extent: 'hold', isRestored: true },
    ]);
  });

  it('a copy that was made later, its files are looked at, and what never goes back is compared', () => {
    expect(at({ vmid: 201 })).toEqual([{ ...due, extent: 'later', isRestored: true }]);
    expect(at({ vmid: 201, recovery: heldFor('other') })).toMatchObject([{ extent: 'later' }]);
  });

  it('the same guest, only what never goes back is compared', () => {
    expect(at({})).toEqual([{ ...due, extent: 'later', isRestored: false }]);
    expect(at({ vmid: null })).toMatchObject([{ isRestored: false }]);
  });

  it('the agent alone, nothing is', () => {
    expect(at({ bootId: 'old-boot' })).toEqual([]);
  });

  it('a guest that has no manifest, nothing is', () => {
    expect(at({ manifest: undefined })).toEqual([]);
    const { markers: _, ...without } = manifest();
    expect(at({ manifest: without })).toEqual([]);
  });
});

describe('what was found', () => {
  it('in this boot stays found when only the agent starts again', () => {
    const found = record('new-boot', [check('db', matches), check('cache', differs)]);
    expect(at({ record: found }).map(({ kind }) => kind)).toEqual(['matches', 'differs']);
  });

  it('by another copy of the disk does not count', () => {
    const found = record('new-boot', [check('db', differs)], 999);
    expect(at({ record: found })).toEqual([{ ...due, extent: 'later', isRestored: false }]);
  });

  it('to differ stays so over starts and over newer manifests', () => {
    const found = record('old-boot', [check('db', differs)]);
    expect(at({ record: found })).toMatchObject([{ kind: 'differs', extent: 'hold', takenAt: 1 }]);
    expect(at({ record: found, manifest: undefined })).toMatchObject([{ kind: 'differs' }]);
  });

  it('to match is compared again, with what never goes back', () => {
    const found = record('old-boot', [check('db', matches, 5)]);
    expect(at({ record: found })).toMatchObject([{ kind: 'pending', extent: 'later' }]);
  });
});

describe('what never answered', () => {
  it('is still owed the closer look, unless it has given a newer marker since', () => {
    const found = record('old-boot', [check('db', { kind: 'pending' }, 5)]);
    expect(at({ record: found })).toMatchObject([{ kind: 'pending', extent: 'hold', isRestored: true }]);
    const newer = manifest({ markers: [marker('db', 9)] });
    expect(at({ record: found, manifest: newer })).toMatchObject([{ extent: 'later', takenAt: 9 }]);
  });
});
