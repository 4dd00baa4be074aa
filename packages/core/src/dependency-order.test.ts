import { describe, expect, it } from 'vitest';
import { inDependencyOrder } from './dependency-order.ts';

const order = (graph: Record<string, string[]>) =>
  inDependencyOrder(
    Object.entries(graph),
    ([name]) => name,
    ([, needs]) => needs,
  ).map((wave) => wave.map(([name]) => name));

describe('dependency order', () => {
  it('puts what is needed first', () => {
    expect(order({ web: ['app'], app: ['db', 'cache'], db: [], cache: [] })).toEqual([
      ['db', 'cache'],
      ['app'],
      ['web'],
    ]);
  });

  it('ignores what is not there', () => {
    expect(order({ app: ['elsewhere'] })).toEqual([['app']]);
  });

  it('loses nothing in a cycle', () => {
    expect(order({ db: [], a: ['b'], b: ['a'] })).toEqual([['db'], ['a', 'b']]);
  });

  it('has nothing to say about nothing', () => {
    expect(order({})).toEqual([]);
  });
});
