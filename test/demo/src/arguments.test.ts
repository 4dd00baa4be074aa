import { describe, expect, it } from 'vitest';
import { parseDemoArguments } from './arguments.ts';

describe('the demo', () => {
  it('prefers real guests and goes on running unless told otherwise', () => {
    expect(parseDemoArguments([])).toEqual({ sim: false, once: false, summary: 'summary.json' });
    expect(parseDemoArguments(['--sim', '--once', '--summary', '/tmp/s.json'])).toEqual({
      sim: true,
      once: true,
      summary: '/tmp/s.json',
    });
  });

  it('refuses what it does not know', () => {
    expect(() => parseDemoArguments(['--bogus'])).toThrow(/--bogus/);
  });
});
