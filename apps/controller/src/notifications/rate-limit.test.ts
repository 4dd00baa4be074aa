import { expect, it } from 'vitest';
import { allowedAt } from './rate-limit.ts';

const limit = { messages: 2, perMs: 60_000 };

it.each([
  ['nothing was sent', [], 100_000],
  ['one was', [99_000], 100_000],
  ['two were, one long ago', [40_000, 99_000], 100_000],
  ['two were just now', [90_000, 99_000], 150_000],
  ['more were', [80_000, 90_000, 99_000], 150_000],
  ['the clock was set back', [900_000, 900_000], 160_000],
])('%s', (_, made, expected) => {
  expect(allowedAt(made, limit, 100_000)).toBe(expected);
});
