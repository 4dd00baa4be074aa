import type { Incarnation } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import type { RestoreOrder } from '../store/restore-orders.ts';
import { decideIdentity } from './identity.ts';

const incarnation = (vmid: number | null, mac = 'aa'): Incarnation => ({
  vmid,
  macs: [mac],
  machineId: 'm',
  hostname: 'ct',
});

const order = (targetVmid: number): RestoreOrder => ({
  id: `to-${targetVmid}`,
  operationId: 'op',
  sourceVmid: 101,
  targetVmid,
  state: 'open',
  guestId: null,
  regenerate: [],
});

describe('whose copy is speaking with the credential of guest 101', () => {
  it.each([
    ['the guest itself', incarnation(101), [], 'guest'],
    ['the guest restored in place, with new addresses', incarnation(101, 'bb'), [], 'guest'],
    ['the guest itself while its copy is being restored', incarnation(101), [order(201)], 'guest'],
    ['an ordered copy', incarnation(201, 'bb'), [order(201)], 'adopted'],
    ['an ordered copy among several', incarnation(202, 'bb'), [order(201), order(202)], 'adopted'],
    ['a copy nobody ordered', incarnation(201, 'bb'), [], 'quarantined'],
    ['a copy under another number than was ordered', incarnation(202, 'bb'), [order(201)], 'quarantined'],
    ['the guest on a storage that names no VMID', incarnation(null), [], 'guest'],
    ['the same, while its copy is being restored', incarnation(null), [order(201)], 'guest'],
    ['an ordered copy on such a storage', incarnation(null, 'bb'), [order(201)], 'adopted'],
    ['an unordered copy on such a storage', incarnation(null, 'bb'), [], 'quarantined'],
    ['one of two ordered copies there', incarnation(null, 'bb'), [order(201), order(202)], 'quarantined'],
  ] as const)('%s', (_, speaking, orders, expected) => {
    const identity = decideIdentity({ vmid: 101, incarnation: incarnation(101) }, speaking, orders);
    expect(identity.kind).toBe(expected);
  });

  it('takes the order for the very VMID under which the copy runs', () => {
    const orders = [order(201), order(202)];
    const identity = decideIdentity({ vmid: 101, incarnation: incarnation(101) }, incarnation(202), orders);
    expect(identity).toEqual({ kind: 'adopted', order: order(202) });
  });

  it('believes a guest that it has never seen before, on a storage that names no VMID', () => {
    expect(decideIdentity({ vmid: 101, incarnation: null }, incarnation(null), []).kind).toBe('guest');
  });
});
