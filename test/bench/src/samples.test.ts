import { expect, it } from 'vitest';
import { describeSamples } from './samples.ts';

it('gives the median and the range, whatever the order', () => {
  expect(describeSamples([3, 1, 2])).toBe('2.0 (1.0–3.0)');
  expect(describeSamples([4, 1, 2, 3], 2)).toBe('2.50 (1.00–4.00)');
});
