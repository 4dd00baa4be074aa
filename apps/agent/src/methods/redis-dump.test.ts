import { describe, expect, it } from 'vitest';
import { chooseDump } from './redis-dump.ts';

describe('when a Redis without an append-only file is dumped', () => {
  it.each<[number, Parameters<typeof chooseDump>[1], string, string]>([
    [36, {}, 'strict', 'a dump of about 36 ms is taken in the hold (strict)'],
    [500, {}, 'strict', 'a dump of about 500 ms is taken in the hold (strict)'],
    [
      2_000,
      {},
      'fast',
      'its copy is as old as its dump (fast): a dump takes about 2 s, more than the budget of 500 ms',
    ],
    [
      2_000,
      { 'tacet.redis.dump': 'strict' },
      'strict',
      'a dump of about 2 s is taken in the hold (strict, as its label says)',
    ],
    [
      0.2,
      { 'tacet.redis.dump': 'fast' },
      'fast',
      'its copy is as old as its dump (fast, as its label says): a dump takes about 1 ms',
    ],
    [
      600,
      { 'tacet.redis.budget': 1_000, 'tacet.redis.dump': 'auto' },
      'strict',
      'a dump of about 600 ms is taken in the hold (strict)',
    ],
  ])('%d ms, %j: %s', (dumpMs, labels, mode, note) => {
    expect(chooseDump(dumpMs, labels)).toEqual({ mode, note });
  });
});
