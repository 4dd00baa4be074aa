import { expect, it } from 'vitest';
import { selectorWords, vmidsOf } from './selector.ts';

it('says whom a schedule selects', () => {
  expect(selectorWords({ include: { all: true }, exclude: { vmids: [105] } })).toBe(
    'every guest, but not guest 105',
  );
  expect(selectorWords({ include: { vmids: [101, 102], tags: ['prod'] } })).toBe(
    'guest 101, 102 or tag prod',
  );
});

it.each([
  ['101, 102 103', [101, 102, 103]],
  ['', []],
  ['101, shop', null],
  ['12', null],
])('takes %o as VMIDs', (text, vmids) => expect(vmidsOf(text)).toEqual(vmids));
