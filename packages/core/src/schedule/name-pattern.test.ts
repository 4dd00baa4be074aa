import { describe, expect, it } from 'vitest';
import { matchesNamePattern } from './name-pattern.ts';

describe('a pattern of names', () => {
  it.each([
    ['web', 'web', true],
    ['web', 'web1', false],
    ['web', 'aweb', false],
    ['WEB', 'web', true],
    ['web', 'WEB', true],
    ['web-*', 'web-1', true],
    ['web-*', 'web-', true],
    ['web-*', 'web', false],
    ['*', '', true],
    ['*db*', 'shop-db-2', true],
    ['*db', 'db-db-db', true],
    ['*ab', 'aab', true],
    ['a*b*c', 'abbcc', true],
    ['a*b*c', 'abbcd', false],
    ['web-?', 'web-1', true],
    ['web-?', 'web-', false],
    ['web-?', 'web-12', false],
    ['?*?', 'a', false],
    ['web.example', 'webxexample', false],
    ['[a-z]*', 'web', false],
    ['', 'web', false],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(matchesNamePattern(pattern, name)).toBe(expected);
  });

  it('of many stars comes to an end: one that tries every way would not', () => {
    expect(matchesNamePattern(`${'*a'.repeat(120)}b`, 'a'.repeat(255))).toBe(false);
  });
});
