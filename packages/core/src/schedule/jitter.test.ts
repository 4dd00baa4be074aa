import { describe, expect, it } from 'vitest';
import { jitterOf } from './jitter.ts';

const hourMs = 3_600_000;
const vmids = Array.from({ length: 400 }, (_, index) => 100 + index);

describe('jitter', () => {
  it('stays what it is: a controller of another version has to come to the same', () => {
    expect([101, 102, 103].map((vmid) => jitterOf('nightly', vmid, hourMs))).toEqual([
      2_150_000, 243_000, 2_073_000,
    ]);
  });

  it('is a whole number of seconds below the limit', () => {
    for (const limitMs of [1, 999, 1000, 1001, 60_000, hourMs]) {
      const seconds = vmids.map((vmid) => jitterOf('nightly', vmid, limitMs) / 1000);
      expect(
        seconds.filter((value) => !Number.isInteger(value) || value < 0 || value * 1000 >= limitMs),
      ).toEqual([]);
    }
  });

  it('is none where none is wanted', () => {
    expect(vmids.filter((vmid) => jitterOf('nightly', vmid, 0) !== 0)).toEqual([]);
  });

  it('spreads neighbouring guests evenly', () => {
    const perSlot = Array.from({ length: 10 }, () => 0);
    for (const vmid of vmids) perSlot[Math.floor((jitterOf('nightly', vmid, hourMs) / hourMs) * 10)]! += 1;
    expect(Math.min(...perSlot)).toBeGreaterThan(20);
    expect(Math.max(...perSlot)).toBeLessThan(60);
  });

  it('is another one for another schedule', () => {
    const same = vmids.filter(
      (vmid) => jitterOf('nightly', vmid, hourMs) === jitterOf('weekly', vmid, hourMs),
    );
    expect(same.length).toBeLessThan(4);
  });
});
