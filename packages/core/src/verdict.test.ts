import type { PlannedService, ServiceEvidence } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { type BackupObservation, judge } from './verdict.ts';

const db: ServiceEvidence = {
  stack: 'shop',
  service: 'db',
  containerId: 'id-db',
  method: 'postgres',
  holds: ['freeze'],
  engine: 'PostgreSQL 17.6',
  prepareMs: 20,
  bytesFlushed: 8192,
  behindSince: null,
  holdStartedAt: 100,
  heldAt: 110,
  thawedAt: 400,
  probeStallMs: 301,
  intactUntilThaw: true,
};

const proven: BackupObservation = {
  plan: { services: [], steps: [], uncovered: [] },
  notHeldBecause: undefined,
  holdConfirmedAt: 120,
  backupRequestedAt: 121,
  mode: 'snapshot',
  snapshotSeenAt: 380,
  snapshotLine: "INFO: creating vzdump archive '/var/lib/vz/dump/x.tar.zst'",
  thawSentAt: 381,
  leaseLeftMs: 29_000,
  thaw: { releasedBy: 'controller', thawed: true, services: [db], failures: [] },
};

const thaw = (more: Partial<NonNullable<BackupObservation['thaw']>>) => ({ ...proven.thaw!, ...more });

describe('a verdict', () => {
  it('is app, with its proof, when the hold spans the snapshot', () => {
    expect(judge(proven)).toMatchObject({
      consistency: 'app',
      proof: { holdConfirmedAt: 120, backupRequestedAt: 121, snapshotSeenAt: 380, thawSentAt: 381 },
      services: [db],
    });
  });

  it.each<[string, Partial<BackupObservation>, 'crash' | 'unknown', string]>([
    ['nothing was held', { notHeldBecause: 'the agent is not connected' }, 'crash', 'NotHeld'],
    ['the hold was never confirmed', { holdConfirmedAt: undefined }, 'crash', 'NotHeld'],
    ['Proxmox fell back to suspend mode', { mode: 'suspend' }, 'crash', 'NoSnapshot'],
    ['the guest was found stopped', { mode: 'stop' }, 'crash', 'NoSnapshot'],
    ['the backup was requested before the hold', { backupRequestedAt: 119 }, 'crash', 'HeldTooLate'],
    ['the snapshot line was never seen', { snapshotSeenAt: undefined }, 'unknown', 'SnapshotNotSeen'],
    ['the thaw was sent before the snapshot was seen', { thawSentAt: 379 }, 'crash', 'ThawedTooEarly'],
    ['nobody saw the thaw', { thaw: undefined }, 'unknown', 'ThawNotSeen'],
    ['nobody knows what was left of the lease', { leaseLeftMs: undefined }, 'unknown', 'ThawNotSeen'],
    ['the lease expired first', { thaw: thaw({ releasedBy: 'lease-expired' }) }, 'crash', 'HoldLost'],
    ['the agent was restarted', { thaw: thaw({ releasedBy: 'agent-restarted' }) }, 'crash', 'HoldLost'],
    ['there was no hold to end', { thaw: thaw({ releasedBy: null, services: [] }) }, 'crash', 'HoldLost'],
    [
      'a service was no longer held',
      { thaw: thaw({ services: [db, { ...db, service: 'cache', intactUntilThaw: false }] }) },
      'crash',
      'ServiceNotHeld',
    ],
    [
      'nobody checked a service',
      { thaw: thaw({ services: [{ ...db, intactUntilThaw: null }] }) },
      'crash',
      'ServiceNotHeld',
    ],
    [
      'something ran that nobody held',
      { thaw: thaw({ failures: [{ stack: 'cron', service: 'job', phase: 'hold', message: 'not held' }] }) },
      'crash',
      'ServiceNotHeld',
    ],
    ['nobody saw in which mode Proxmox worked', { mode: undefined }, 'unknown', 'SnapshotNotSeen'],
    ['nothing runs in the guest', { thaw: thaw({ services: [] }) }, 'crash', 'NothingHeld'],
  ])('is not app when %s', (_, change, consistency, reason) => {
    expect(judge({ ...proven, ...change })).toMatchObject({ consistency, reason, proof: null });
  });

  it('says why a service was no longer held, and puts an expired lease before everything it brought about', () => {
    const services = [{ ...db, intactUntilThaw: false }];
    const failures = [
      { stack: 'shop', service: 'db', phase: 'hold' as const, message: 'its client has ended' },
    ];
    expect(judge({ ...proven, thaw: thaw({ services, failures }) }).message).toBe(
      'shop/db was no longer held at the thaw: its client has ended',
    );
    expect(judge({ ...proven, thawSentAt: 379, thaw: thaw({ releasedBy: 'lease-expired' }) })).toMatchObject({
      consistency: 'crash',
      reason: 'HoldLost',
    });
  });

  it('is app also when a service could not be thawed at once: that came after the snapshot', () => {
    const failures = [{ stack: 'shop', service: 'db', phase: 'thaw' as const, message: 'it hangs' }];
    expect(judge({ ...proven, thaw: thaw({ thawed: false, failures }) }).consistency).toBe('app');
  });

  it('names what was left out, and still is app for the rest', () => {
    const uncovered = [{ stack: 'shop', service: 'tmp', reason: 'label tacet.method=none' }];
    expect(judge({ ...proven, plan: { services: [], steps: [], uncovered } })).toMatchObject({
      consistency: 'app',
      uncovered,
    });
  });

  it('says by how much a copy is behind', () => {
    const cache = { ...db, service: 'cache', behindSince: 110 - 2_340 };
    expect(judge({ ...proven, thaw: thaw({ services: [db, cache] }) })).toMatchObject({
      consistency: 'app',
      message: expect.stringContaining('behind the last acknowledged write: shop/cache by 2.3 s'),
    });
  });

  it('says so when a label keeps a Redis from being flushed', () => {
    const cache = {
      stack: 'shop',
      service: 'cache',
      containerId: 'id',
      image: 'redis:8',
      chosenBy: 'label',
      holds: ['freeze'],
      engine: null,
      predictedHoldMs: null,
      notes: [],
    } satisfies Omit<PlannedService, 'method'>;
    const message = (method: 'redis' | 'freeze' | 'stop') =>
      judge({ ...proven, plan: { services: [{ ...cache, method }], steps: [], uncovered: [] } }).message;
    expect(message('freeze')).toContain('last dump: shop/cache');
    expect(message('redis')).not.toContain('last dump');
    expect(message('stop')).not.toContain('last dump');
  });
});
