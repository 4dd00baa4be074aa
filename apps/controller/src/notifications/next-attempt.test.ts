import { describe, expect, it } from 'vitest';
import { Undelivered } from './channels/undelivered.ts';
import { attemptLimits, nextAttemptAt } from './next-attempt.ts';

const soon = new Undelivered('500');
const refused = new Undelivered('401', { refused: true });
const after = (error: unknown, attempts: number, random = 0.999_999, now = 1_000_000): number | null => {
  const at = nextAttemptAt({ error, attempts, since: 1_000_000, now, random: () => random }, attemptLimits);
  return at === null ? null : at - now;
};

describe('the next attempt', () => {
  it('comes after a delay that doubles up to its cap, never less than half of it', () => {
    expect([1, 2, 3, 8, 9, 99].map((attempts) => after(soon, attempts))).toEqual([
      5_000, 10_000, 20_000, 640_000, 900_000, 900_000,
    ]);
    expect(after(soon, 1, 0)).toBe(2_500);
  });

  it('comes later where somebody has to change something first', () => {
    expect([1, 2, 3].map((attempts) => after(refused, attempts))).toEqual([300_000, 600_000, 900_000]);
  });

  it('comes no sooner than the other side wants it', () => {
    expect(after(new Undelivered('429', { retryAfterMs: 3_000_000 }), 1)).toBe(3_000_000);
    expect(after(new Undelivered('429', { retryAfterMs: 1_000 }), 1)).toBe(5_000);
  });

  it('does not come any more where it would be too late', () => {
    const sixHours = 6 * 3_600_000;
    expect(after(soon, 9, 0.999_999, 1_000_000 + sixHours - 900_000)).toBe(900_000);
    expect(after(soon, 9, 0.999_999, 1_000_000 + sixHours - 899_000)).toBeNull();
  });
});
