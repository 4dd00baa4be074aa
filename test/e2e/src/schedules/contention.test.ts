import { backupListSchema, eventListSchema, scheduleViewSchema } from '@tacet/protocol';
import type { LockMoment } from '@tacet/pve-sim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScheduleHouse } from './schedule-house.ts';

const nodes = {
  pve1: [101, 102, 103, 104, 105, 106, 107],
  pve2: [201, 202, 203, 204, 205, 206, 207],
  pve3: [301, 302, 303, 304, 305, 306],
} as const;
const names = ['pve1', 'pve2', 'pve3'] as const;
const vmids = Object.values(nodes).flat();
/** On each node one guest that others back up. */
const foreign = [901, 902, 903] as const;

const nightly = {
  name: 'nightly',
  guests: { include: { all: true } },
  when: { event: '02:00', timeZone: 'UTC' },
};

/** It takes 15 s; a machine that is slow may take its time. */
const patienceMs = 200_000;

let house: ScheduleHouse;
beforeEach(async () => {
  house = await ScheduleHouse.open({ nodes, foreign });
});
afterEach(() => house[Symbol.asyncDispose]());

/** Somebody else's backup begins on the node of each of these guests as theirs takes the lock, and waits for it. */
function followedByOthers(...after: readonly number[]): Promise<void>[] {
  const ends: Promise<void>[] = [];
  house.onLock = ({ kind, node, vmids: [vmid = 0] }: LockMoment) => {
    if (kind !== 'taken' || !after.includes(vmid)) return;
    const other = foreign[names.findIndex((name) => name === node)] ?? 0;
    ends.push(house.startForeign(other, node).then((end) => end()));
  };
  return ends;
}

describe('a schedule of 20 guests on 3 nodes with one lock each, contended by the backups of others', () => {
  it('runs to its end, and holds nobody while a lock is waited for', async () => {
    expect(vmids).toHaveLength(20);
    // Every node is busy with a backup that goes on until it is let go.
    const gates = [];
    for (const [index, node] of names.entries()) {
      const gate = house.backend.close('archive');
      const end = await house.startForeign(foreign[index] ?? 0, node);
      await gate.reached;
      gates.push({ gate, end });
    }
    const others = followedByOthers(102, 104, 202, 205, 301, 304);
    await house.api.expect(scheduleViewSchema, 'PUT', '/api/v1/schedules/nightly', nightly);
    house.clock.go();

    // One guest of each node has found the lock taken, and more than once.
    const refused = (node: string): number =>
      house.journal.filter((entry) => entry.endsWith(`lock-refused ${node}`)).length;
    await expect.poll(() => Math.min(...names.map(refused)), { timeout: patienceMs }).toBeGreaterThan(1);
    expect(await house.runs('nightly')).toHaveLength(20);
    for (const { gate, end } of gates) {
      gate.open();
      await end();
    }
    const done = async (): Promise<number> =>
      (await house.runs('nightly')).filter(({ endedAt }) => endedAt !== null).length;
    await expect.poll(done, { timeout: patienceMs, interval: 200 }).toBe(20);
    await Promise.all(others);
    expect(others).toHaveLength(6);

    const runs = await house.runs('nightly');
    expect(runs.map(({ state, consistency }) => `${state} ${consistency}`)).toEqual(
      vmids.map(() => 'succeeded app'),
    );
    const { backups } = await house.api.expect(backupListSchema, 'GET', '/api/v1/backups?limit=1000');
    expect(backups.map(({ vmid }) => vmid).toSorted((a, b) => a - b)).toEqual(vmids);
    for (const vmid of vmids) expectNeverHeldForALock(house.story(vmid));
    expectOneAtATime();
    expect([...house.quiesces.values()].filter(({ isHeld }) => isHeld)).toEqual([]);
    const { events } = await house.api.expect(eventListSchema, 'GET', '/api/v1/events?limit=1000');
    expect(events.find(({ type }) => type === 'schedule.due')?.message).toContain('101, 102, 103');
  }, 500_000);
});

/**
 * Every hold has one go at the lock: where that was refused, the guest is thawed before anything else happens to
 * it, and prepared anew before it is held again. Nobody ever waits in vzdump's own queue.
 */
function expectNeverHeldForALock(story: readonly string[]): void {
  expect(story).not.toContain('lock-waiting');
  const told = story.filter((entry) => entry !== 'renew').join(' ');
  expect(told).toMatch(
    /^(prepare hold lock-refused thaw )*prepare hold lock-taken (thaw lock-released|lock-released thaw)$/,
  );
}

/** Two guests of one node are never held at the same time. */
function expectOneAtATime(): void {
  for (const own of Object.values(nodes)) {
    const held = new Set<number>();
    let most = 0;
    for (const entry of house.journal) {
      const [vmid, what] = [Number(entry.split(' ')[0]), entry.split(' ')[1]];
      if (!own.some((guest) => guest === vmid)) continue;
      if (what === 'hold') held.add(vmid);
      if (what === 'thaw') held.delete(vmid);
      most = Math.max(most, held.size);
    }
    expect(most).toBe(1);
  }
}
