import { describe, expect, it } from 'vitest';
import { ageOf, agoOf, bytesOf, durationOf } from './numbers.ts';

describe('numbers for people', () => {
  it.each([
    [41.6, '42 ms'],
    [27_300, '27.3 s'],
    [600_000, '10 min'],
    [3 * 3_600_000, '3 h'],
  ])('%d ms are %s', (ms, text) => expect(durationOf(ms)).toBe(text));

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_500, '1.5 kB'],
    [66_700_000, '66.7 MB'],
    [5_000_000_000_000, '5.0 TB'],
  ])('%i bytes are %s', (bytes, text) => expect(bytesOf(bytes)).toBe(text));

  it.each([
    [0, 'just now'],
    [59_999, 'just now'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [47 * 3_600_000, '47 h'],
    [48 * 3_600_000, '2 d'],
  ])('what was %i ms ago has the age %s', (ms, text) => expect(ageOf(1_000, 1_000 + ms)).toBe(text));

  it('never says that something happened in the future, whatever the two clocks say', () => {
    expect(agoOf(5_000, 1_000)).toBe('just now');
  });
});
