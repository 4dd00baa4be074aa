import { describe, expect, it } from 'vitest';
import { suggestedBackup } from './restore.ts';
import { aBackup } from './testing.ts';

describe('the backup that a restore suggests', () => {
  it('is the newest that was asked for, and none that a restore made of what it replaced', () => {
    const safety = aBackup({ id: 'b3', origin: 'restore' });
    const newest = aBackup({ id: 'b2', origin: 'hook' });
    expect(suggestedBackup([safety, newest, aBackup()])).toBe(newest);
    expect(suggestedBackup([safety])).toBeUndefined();
  });
});
