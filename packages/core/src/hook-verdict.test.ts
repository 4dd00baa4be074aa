import type { ServiceEvidence } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { type HookObservation, judgeHook } from './hook-verdict.ts';

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
  thawedAt: 200,
  probeStallMs: 101,
  intactUntilThaw: true,
};
const thaw = { releasedBy: 'controller', thawed: true, services: [db], failures: [] } as const;

const proven: HookObservation = {
  mode: 'snapshot',
  sawBeginning: true,
  wasRunning: true,
  plan: { services: [], steps: [], uncovered: [] },
  notHeldBecause: undefined,
  holdConfirmedAt: 120,
  snapshotAllowedAt: 121,
  snapshotSeenAt: 180,
  snapshotCall: 'pre-restart snapshot 101',
  thawSentAt: 181,
  leaseLeftMs: 29_000,
  thaw: { ...thaw, services: [db], failures: [] },
};

describe('a verdict by the calls of the hook', () => {
  it('is app, with its proof, when vzdump waited for the hold and was seen after its snapshot', () => {
    expect(judgeHook(proven)).toMatchObject({
      consistency: 'app',
      reason: 'HoldSpansSnapshot',
      proof: {
        kind: 'hook',
        holdConfirmedAt: 120,
        snapshotAllowedAt: 121,
        snapshotSeenAt: 180,
        snapshotCall: 'pre-restart snapshot 101',
        thawSentAt: 181,
        leaseLeftMs: 29_000,
      },
      services: [db],
    });
  });

  it.each<[string, Partial<HookObservation>, 'crash' | 'unknown', string]>([
    ['nothing was held', { notHeldBecause: 'no agent' }, 'crash', 'NotHeld'],
    ['nobody knows whether vzdump waited', { snapshotAllowedAt: undefined }, 'crash', 'NotHeld'],
    ['vzdump was let go before the hold', { snapshotAllowedAt: 119 }, 'crash', 'HeldTooLate'],
    ['the thaw came before the snapshot', { thawSentAt: 179 }, 'crash', 'ThawedTooEarly'],
    ['nobody saw the thaw', { thaw: undefined }, 'unknown', 'ThawNotSeen'],
    [
      'the lease expired first',
      { thaw: { ...thaw, releasedBy: 'lease-expired', services: [db], failures: [] } },
      'crash',
      'HoldLost',
    ],
    ['the controller came late', { sawBeginning: false }, 'unknown', 'BeginningNotSeen'],
    ['the guest was copied in two passes', { mode: 'suspend' }, 'crash', 'CopiedInTwoPasses'],
    ['it was not held for the second', { mode: 'suspend', notHeldBecause: 'no agent' }, 'crash', 'NotHeld'],
    ['the guest was shut down', { mode: 'stop', snapshotAllowedAt: undefined }, 'crash', 'GuestStopped'],
    ['it could not be flushed before', { mode: 'stop', notHeldBecause: 'no' }, 'crash', 'GuestStopped'],
    ['the guest did not run', { mode: 'stop', wasRunning: false }, 'crash', 'GuestNotRunning'],
  ])('is less, and without a proof, when %s', (_, change, consistency, reason) => {
    expect(judgeHook({ ...proven, ...change })).toMatchObject({ consistency, reason, proof: null });
  });

  it('says of a guest that was shut down whether it was flushed before', () => {
    const flushed = judgeHook({ ...proven, mode: 'stop' });
    const unflushed = judgeHook({ ...proven, mode: 'stop', notHeldBecause: 'the database hangs' });
    expect(flushed.message).toContain('it was flushed before');
    expect(unflushed.message).toContain('it could not be flushed before: the database hangs');
  });
});
