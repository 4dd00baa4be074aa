import { describe, expect, it } from 'vitest';
import { longestGap, missingOf, parseReport, writeRate } from './ack-log.ts';
import type { Acknowledgement } from './types.ts';

const guestAddress = '10.213.0.101';

function acks(times: number[], over: Partial<Acknowledgement> = {}): Acknowledgement[] {
  return times.map((atMs, index) => ({
    stack: 'shop',
    stream: 'postgres',
    runId: 'a',
    seq: index + 1,
    guestAddress,
    atMs,
    monotonicMs: atMs,
    ...over,
  }));
}

describe('longestGap', () => {
  it('is the write stall: the longest time between two acknowledgements', () => {
    const all = acks([1000, 1010, 1200, 1210]);
    expect(longestGap(all, 'postgres', { from: 1000, to: 1215, guestAddress })).toBe(190);
  });

  it('counts silence up to the edges, so that a stream that never came back is no small stall', () => {
    const all = acks([1000, 1010]);
    expect(longestGap(all, 'postgres', { from: 900, to: 5000, guestAddress })).toBe(3990);
    expect(longestGap([], 'postgres', { from: 900, to: 5000, guestAddress })).toBe(4100);
  });

  it('does not let another guest or another stream fill a gap', () => {
    const all = [
      ...acks([1000, 2000]),
      ...acks([1500], { guestAddress: '10.213.0.201' }),
      ...acks([1500], { stream: 'redis' }),
    ].toSorted((a, b) => a.atMs - b.atMs);
    expect(longestGap(all, 'postgres', { from: 1000, to: 2000, guestAddress })).toBe(1000);
  });
});

describe('writeRate', () => {
  it('counts per second', () => {
    expect(writeRate(acks([0, 500, 1000, 1500]), 'postgres', { from: 0, to: 2000, guestAddress })).toBe(2);
  });
});

describe('missingOf', () => {
  it('finds acknowledged writes that the database does not have', () => {
    expect(missingOf(acks([1, 2, 3]), new Map([['a', new Set([1, 3])]]))).toEqual([{ runId: 'a', seq: 2 }]);
  });

  it('does not take the number of another run for the one that is missing', () => {
    expect(missingOf(acks([1]), new Map([['copy', new Set([1])]]))).toEqual([{ runId: 'a', seq: 1 }]);
  });
});

describe('parseReport', () => {
  it('takes whole reports only', () => {
    const report = { runId: 'a', stack: 'shop', stream: 'redis', seq: 7 };
    expect(parseReport(JSON.stringify(report))).toEqual(report);
    for (const line of ['', '{"runId":"a","str', '7', 'null', '{"runId":"a","stream":"redis","seq":1}']) {
      expect(parseReport(line)).toBeUndefined();
    }
  });

  it('takes no stream that the stack does not have', () => {
    const report = { runId: 'a', stack: 'engines', stream: 'valkey', seq: 7 };
    expect(parseReport(JSON.stringify(report))).toEqual(report);
    expect(parseReport(JSON.stringify({ ...report, stack: 'shop' }))).toBeUndefined();
    expect(parseReport(JSON.stringify({ ...report, stack: 'toString' }))).toBeUndefined();
  });
});
