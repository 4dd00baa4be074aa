import { describe, expect, it } from 'vitest';
import { guestAddress, guestMac, uniqueMac, vethName } from './addresses.ts';

describe('addresses', () => {
  it('gives every VMID an address of its own in the subnet, the same at every start', () => {
    expect(guestAddress(101)).toBe('10.213.0.101');
    expect(guestAddress(201)).toBe('10.213.0.201');
    expect(guestAddress(1000)).toBe('10.213.3.232');
    const all = Array.from({ length: 65_534 - 100 + 1 }, (_, index) => guestAddress(100 + index));
    expect(new Set(all).size).toBe(all.length);
    expect(all).not.toContain('10.213.0.1');
    expect(all).not.toContain('10.213.255.255');
  });

  it('refuses what is no VMID of the lab', () => {
    for (const vmid of [0, 1, 99, 65_535, 101.5, Number.NaN]) {
      expect(() => guestAddress(vmid)).toThrow(RangeError);
    }
  });

  it('never hands out a MAC for a restore that a VMID has', () => {
    expect(guestMac(101)).toBe('BC:24:11:00:00:65');
    for (let round = 0; round < 100; round += 1) {
      expect(uniqueMac()).toMatch(/^BC:24:11:[89A-F][0-9A-F](:[0-9A-F]{2}){2}$/);
    }
  });

  it('keeps the name of a network cable within what the kernel takes', () => {
    expect(vethName(65_534).length).toBeLessThanOrEqual(15);
  });
});
