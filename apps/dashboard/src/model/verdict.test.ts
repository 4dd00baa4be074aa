import { describe, expect, it } from 'vitest';
import { aBackup, aService } from './testing.ts';
import { longestStall, meaningOf, proofMoments } from './verdict.ts';

describe('a verdict in words', () => {
  it('never calls a backup consistent that is not proven to be', () => {
    const { verdict } = aBackup();
    expect(meaningOf({ ...verdict, consistency: 'app' })).toContain('proven');
    expect(meaningOf({ ...verdict, consistency: 'unknown' })).toContain('treat it as if the plug');
  });

  it('tells the proof in the order in which it was seen', () => {
    const moments = proofMoments({
      kind: 'order-of-request',
      holdConfirmedAt: 1,
      backupRequestedAt: 2,
      snapshotSeenAt: 3,
      snapshotLine: 'INFO: creating vzdump archive',
      thawSentAt: 4,
      leaseLeftMs: 28_000,
    });
    expect(moments.map(({ at }) => at)).toEqual([1, 2, 3, 4]);
    expect(moments[2]?.quote).toBe('INFO: creating vzdump archive');
    expect(moments[3]?.words).toContain('28.0 s of the lease left');
  });

  it('takes the probe before the books, and knows that it does not know', () => {
    const { verdict } = aBackup();
    const held = (...services: ReturnType<typeof aService>[]) =>
      longestStall({ verdict: { ...verdict, services } });
    expect(held(aService('db', { probeStallMs: 398 }), aService('web'))).toBe(398);
    expect(held(aService('db', { thawedAt: null }))).toBeNull();
    expect(held()).toBeNull();
  });
});
