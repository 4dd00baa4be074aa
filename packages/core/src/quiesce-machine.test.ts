import { quiesceStateSchema } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { nextQuiesceState, owesThaw, type QuiesceTransition } from './quiesce-machine.ts';

const all: QuiesceTransition[] = [
  'prepare-started',
  'prepare-finished',
  'hold-started',
  'hold-finished',
  'thaw-started',
  'thaw-finished',
];

describe('the quiesce states', () => {
  it('lead from idle over prepared and held back to idle', () => {
    let state = quiesceStateSchema.parse('idle');
    const seen = all.map((transition) => {
      const next = nextQuiesceState(state, transition);
      if (next) state = next;
      return next;
    });
    expect(seen).toEqual(['preparing', 'prepared', 'holding', 'held', 'thawing', 'idle']);
  });

  it.each(['preparing', 'prepared', 'holding', 'held'] as const)(
    'let a failure in %s lead to thawing',
    (state) => {
      expect(nextQuiesceState(state, 'thaw-started')).toBe('thawing');
    },
  );

  it('never hold without having prepared', () => {
    expect(nextQuiesceState('idle', 'hold-started')).toBeUndefined();
    expect(nextQuiesceState('preparing', 'hold-started')).toBeUndefined();
  });

  it('leave thawing only when everything is thawed', () => {
    const ways = all.filter((transition) => nextQuiesceState('thawing', transition) !== undefined);
    expect(ways).toEqual(['thaw-finished']);
  });

  it('owe a thaw from the first hold on', () => {
    expect(quiesceStateSchema.options.filter(owesThaw)).toEqual(['holding', 'held', 'thawing']);
  });
});
