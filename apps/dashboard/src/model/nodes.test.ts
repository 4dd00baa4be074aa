import { expect, it } from 'vitest';
import { reachableSaid, restoreWords, trustWords } from './nodes.ts';

const tokens = { shared: null, restore: 'op@pve!restore', guests: [] };

it('says of a node whether it answers, how it is known, and where restores go', () => {
  expect(reachableSaid({ answered: false, at: 1, why: 'it is off' }).tone).toBe('bad');
  expect(reachableSaid({ answered: true, at: 1, tookMs: 2 }).words).toBe('answers');
  expect(trustWords({ trust: 'fingerprint' })).toMatch(/fingerprint/);
  expect(restoreWords({ tokens, restoreStorage: 'btr' })).toBe('onto btr');
  expect(restoreWords({ tokens, restoreStorage: null })).toMatch(/own root disk/);
  expect(restoreWords({ tokens: { ...tokens, restore: null }, restoreStorage: 'btr' })).toMatch(
    /^not possible/,
  );
});
