import type { Backup, ServiceEvidence } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { bytesOf, durationOf } from './moment.ts';
import { verdictLines } from './verdict.ts';

const service = (name: string, thawedAt: number | null): ServiceEvidence => ({
  stack: 'shop',
  service: name,
  containerId: name,
  method: 'freeze',
  holds: ['freeze'],
  engine: null,
  prepareMs: 1,
  bytesFlushed: null,
  behindSince: null,
  holdStartedAt: 1_000,
  heldAt: 1_010,
  thawedAt,
  probeStallMs: null,
  intactUntilThaw: thawedAt !== null,
});

const backup = (verdict: Partial<Backup['verdict']>): Backup => ({
  id: 'b',
  operationId: 'o',
  vmid: 101,
  node: 'pve1',
  volid: 'local:backup/x.tar.zst',
  sizeBytes: 934_000_000,
  startedAt: 1,
  finishedAt: 2,
  origin: 'controller',
  verdict: {
    consistency: 'crash',
    reason: 'HoldLost',
    message: 'the hold had ended before the thaw',
    proof: null,
    services: [],
    uncovered: [],
    ...verdict,
  },
});

describe('a verdict in words', () => {
  it('shows no proof where there is none', () => {
    const lines = verdictLines(backup({}));
    expect(lines).toEqual([
      'Backup   local:backup/x.tar.zst (934 MB)',
      'Verdict  crash-consistent: the hold had ended before the thaw',
    ]);
  });

  it('tells the stall of each service, and of which nobody saw the end', () => {
    const db = {
      ...service('db', 1_412),
      method: 'postgres',
      engine: 'PostgreSQL 17.6',
      bytesFlushed: 1_300_000,
      probeStallMs: 398,
    } as const;
    const text = verdictLines(backup({ services: [db, service('web', null)] })).join('\n');
    expect(text).toMatch(/shop\/db +postgres +freeze +398 ms +1\.3 MB +PostgreSQL 17\.6/);
    expect(text).toMatch(/shop\/web +freeze +freeze +not seen thawed/);
  });

  it('names what was left out, and why', () => {
    const uncovered = [{ stack: 'shop', service: 'cache', reason: 'label tacet.quiesce=none' }];
    expect(verdictLines(backup({ uncovered }))).toContain('  shop/cache: label tacet.quiesce=none');
  });
});

describe('numbers for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [66_700_000, '66.7 MB'],
    [5_000_000_000_000, '5.0 TB'],
  ])('%i bytes are %s', (bytes, text) => expect(bytesOf(bytes)).toBe(text));

  it.each([
    [41.6, '42 ms'],
    [27_300, '27.3 s'],
    [600_000, '10 min'],
  ])('%d ms are %s', (ms, text) => expect(durationOf(ms)).toBe(text));
});
