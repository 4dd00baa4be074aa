import type { Guest } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { fleetItems, fleetRow, type FleetView, selectRows, summariseFleet } from './fleet.ts';
import { aBackup, aGuest, anOperation, aService, now } from './testing.ts';

const view: FleetView = { show: 'all', sort: 'attention', search: '', group: 'none' };

function guest(vmid: number, hostname: string, more: Partial<Guest> = {}): Guest {
  return aGuest({
    id: `g${vmid}`,
    vmid,
    incarnation: { vmid, macs: [], machineId: 'm', hostname },
    ...more,
  });
}

const stalled = (ms: number) => {
  const backup = aBackup();
  const services = [aService('db', { probeStallMs: ms })];
  return { ...backup, verdict: { ...backup.verdict, services } };
};

const fleet = [
  guest(103, 'mail', { lastBackup: stalled(900) }),
  guest(101, 'shop', { lastBackup: { ...stalled(180), node: 'pve2' } }),
  guest(102, 'wiki', { connected: false }),
  guest(104, 'new', { lastBackup: null }),
  guest(105, 'copy', { identity: 'quarantined', simulated: true }),
].map((one) => fleetRow(one, now));

const vmids = (change: Partial<FleetView>): (number | null)[] =>
  selectRows(fleet, { ...view, ...change }).map((row) => row.guest.vmid);

describe('the fleet', () => {
  it('shows what needs somebody first, and equals by VMID', () => {
    expect(vmids({})).toEqual([102, 105, 104, 101, 103]);
  });

  it.each([
    ['vmid', [101, 102, 103, 104, 105]],
    ['name', [105, 103, 104, 101, 102]],
    ['stall', [103, 102, 105, 101, 104]],
  ] as const)('sorts by %s', (sort, expected) => {
    expect(vmids({ sort })).toEqual(expected);
  });

  it('puts a guest without a backup before the oldest one', () => {
    expect(vmids({ sort: 'age' })[0]).toBe(104);
  });

  it.each([
    ['attention', [102, 105, 104]],
    ['overdue', []],
    ['unproven', [104]],
    ['away', [102]],
    ['quarantined', [105]],
    ['simulated', [105]],
  ] as const)('shows only %s', (show, expected) => {
    expect(vmids({ show })).toEqual(expected);
  });

  it('finds every word of a search, in any order and case', () => {
    expect(vmids({ search: 'PVE2 sho' })).toEqual([101]);
    expect(vmids({ search: 'pve2 mail' })).toEqual([]);
  });

  it('groups by node, those without one apart', () => {
    const items = fleetItems(selectRows(fleet, view), 'node');
    expect(items.filter((item) => item.kind === 'group')).toEqual([
      { kind: 'group', name: 'pve1', count: 3 },
      { kind: 'group', name: 'pve2', count: 1 },
      { kind: 'group', name: 'node not known yet', count: 1 },
    ]);
    expect(items).toHaveLength(8);
  });

  it('groups by tag and by pool, and shows a guest under each of its tags', () => {
    const place = { node: 'pve1', name: null, tags: ['prod', 'eu'], pool: 'shops' };
    const rows = [guest(101, 'shop', { place }), guest(102, 'wiki')].map((one) => fleetRow(one, now));
    const named = (group: 'tag' | 'pool') =>
      fleetItems(rows, group).map((item) =>
        item.kind === 'group' ? `${item.name} ${item.count}` : item.row.name,
      );
    expect(named('tag')).toEqual(['eu 1', 'shop', 'prod 1', 'shop', 'without a tag 1', 'wiki']);
    expect(named('pool')).toEqual(['shops 1', 'shop', 'in no pool 1', 'wiki']);
    expect(selectRows(rows, { ...view, search: 'eu shops' })).toHaveLength(1);
  });

  it('answers the three questions', () => {
    const cameBack = anOperation({ kind: 'restore', restoredTo: 201 });
    const failed = anOperation({ kind: 'restore', vmid: 103, state: 'failed' });
    expect(summariseFleet(fleet, [cameBack, failed])).toEqual({
      total: 4,
      act: 2,
      watch: 1,
      ready: 3,
      consistent: 3,
      proven: 1,
      quarantined: 1,
    });
  });
});
