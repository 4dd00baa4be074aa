import type { ScheduleInput } from '@tacet/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Failure } from '../failure.ts';
import { DeskBench, FakeOperations, guestOn } from './testing/desk-bench.ts';
import { PATIENCE_MS } from './scheduled-drills.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const drills: Partial<ScheduleInput> = { name: 'drills', action: 'drill' };
const signal = new AbortController().signal;

let bench: DeskBench;
beforeEach(async () => {
  const guests = [guestOn('pve1', 101), guestOn('pve1', 102), guestOn('pve2', 201)];
  bench = await DeskBench.open('2026-06-01T20:00Z', guests);
});
afterEach(() => bench[Symbol.asyncDispose]());

const begun = (): number[] => bench.operations.drilled.map(({ backup }) => backup.vmid);
const runs = async () => (await bench.desk.runs('drills', 100)).toReversed();
const told = async () => (await runs()).map(({ vmid, state, message }) => `${vmid} ${state}: ${message}`);

async function backedUp(...vmids: number[]): Promise<void> {
  for (const vmid of vmids) await bench.backUp(vmid, vmid < 200 ? 'pve1' : 'pve2');
}

describe('a schedule that drills', () => {
  it('drills the guest whose turn it is, night after night, until all were', async () => {
    await backedUp(101, 102, 201);
    await bench.put(drills);
    for (const [night, vmid] of [101, 102, 201, 101].entries()) {
      await bench.until(`2026-06-0${night + 2}T02:00Z`);
      expect(begun()).toHaveLength(night + 1);
      expect(begun().at(-1)).toBe(vmid);
      await bench.endDrill(vmid, 'proven', 'restorable, ready after 12.0 s');
    }
    expect(await told()).toEqual(
      [101, 102, 201, 101].map((vmid) => `${vmid} succeeded: restorable, ready after 12.0 s`),
    );
    expect(bench.begun).toEqual([]);
    expect(await bench.events('schedule.due')).toContain('drills: drills of 201 are due');
  });

  it('drills one after the other on a node, and keeps no backup waiting', async () => {
    await backedUp(101, 102, 201);
    await bench.put({ ...drills, perRun: 3 });
    await bench.put({ guests: { include: { vmids: [102] } } });
    await bench.until('2026-06-02T02:00Z');
    expect(begun()).toEqual([101, 201]);
    expect(bench.begun).toEqual([102]);
    expect((await runs()).find(({ vmid }) => vmid === 102)?.message).toBe('waits for its turn on the node');
    await bench.endDrill(101, 'failed', 'shop/web is exited');
    expect(begun()).toEqual([101, 201, 102]);
    expect((await told())[0]).toBe('101 failed: shop/web is exited');
  });

  it('counts the drills that somebody has begun by hand', async () => {
    const other = await bench.backUp(101, 'pve1');
    await backedUp(102);
    await bench.put({ ...drills, guests: { include: { vmids: [102] } } });
    await bench.operations.drill(other, signal, 'by hand');
    await bench.until('2026-06-02T02:00Z');
    expect(begun()).toEqual([101]);
    await bench.endDrill(101, 'proven', '');
    expect(begun()).toEqual([101, 102]);
  });

  it('takes the newest backup, and never what a restore has put aside', async () => {
    const wanted = await bench.backUp(101, 'pve1');
    await bench.backUp(101, 'pve1', 'restore');
    await bench.put(drills);
    await bench.until('2026-06-02T02:00Z');
    expect(bench.operations.drilled.map(({ backup }) => backup.id)).toEqual([wanted.id]);
  });

  it('passes over who has no backup, and says so', async () => {
    await backedUp(201);
    await bench.put(drills);
    await bench.until('2026-06-02T02:00Z');
    expect(begun()).toEqual([201]);
    expect((await told()).toSorted()).toEqual([
      '101 missed: there is no backup of it to drill',
      '102 missed: there is no backup of it to drill',
      '201 started: null',
    ]);
    expect(await bench.events('schedule.missed')).toContain(
      'drills: guest 101 is not drilled: there is no backup of it to drill',
    );
  });

  it('leaves out whom it cannot drill, with the reason, and goes on with the next the next time', async () => {
    await backedUp(101, 102);
    await bench.put(drills);
    bench.operations.onDrill = () => {
      throw new Failure('conflict', 'the storage btr has 1.0 GB left, and the scratch guest may need 8.0 GB');
    };
    await bench.until('2026-06-02T02:00Z');
    expect(await told()).toEqual([
      '101 missed: the storage btr has 1.0 GB left, and the scratch guest may need 8.0 GB',
    ]);
    bench.operations.onDrill = () => undefined;
    await bench.until('2026-06-03T02:00Z');
    expect(begun()).toEqual([102]);
  });

  it('waits for a free place for some hours, and no longer', async () => {
    await backedUp(101);
    await bench.put({ ...drills, guests: { include: { vmids: [101] } } });
    let tries = 0;
    bench.operations.onDrill = () => {
      tries += 1;
      throw new Failure('conflict', 'none of the VMIDs 900 to 909 is free', { retryable: true });
    };
    await bench.until('2026-06-02T02:00Z');
    expect(await told()).toEqual(['101 queued: waits for a place: none of the VMIDs 900 to 909 is free']);
    await bench.pass(PATIENCE_MS + hourMs);
    expect(await told()).toEqual([
      '101 missed: in 6 hours there was no place for it: none of the VMIDs 900 to 909 is free',
    ]);
    const before = tries;
    expect(before).toBeLessThan(60);
    await bench.pass(hourMs);
    expect(tries).toBe(before);
  });

  it('begins as soon as a place is free', async () => {
    await backedUp(101, 201);
    await bench.put({ ...drills, perRun: 2 });
    bench.operations.onDrill = ({ vmid }) => {
      if (vmid !== 101 && bench.operations.isBusy(101))
        throw new Failure('conflict', 'another drill has the one address', { retryable: true });
    };
    await bench.until('2026-06-02T02:00Z');
    expect(begun()).toEqual([101]);
    await bench.endDrill(101, 'proven', '');
    expect(begun()).toEqual([101, 201]);
  });

  it('whose records cannot be read drills all the same', async () => {
    await backedUp(101);
    await bench.put(drills);
    const failing = vi.spyOn(bench.store.drills, 'lastOfEach').mockRejectedValue(new Error('disk'));
    await bench.until('2026-06-02T02:00Z');
    failing.mockRestore();
    expect(begun()).toEqual([101]);
  });

  it('selects no scratch guest', async () => {
    // In a pool it bears its original's tags at first.
    bench.guests.push(guestOn('pve1', 900, { tags: ['prod'] }));
    bench.guests.push(guestOn('pve1', 301, { tags: ['tacet-drill'] }));
    await bench.put({ ...drills, perRun: 10 });
    await bench.put();
    for (const name of ['drills', 'nightly']) {
      const { guests } = await bench.desk.preview(name, 1, signal);
      expect(guests.map(({ vmid }) => vmid)).toEqual([101, 102, 201]);
    }
  });

  it('previews whom it would drill, when, and what is known of each', async () => {
    await backedUp(101, 201);
    await bench.put({ ...drills, perRun: 1 });
    await bench.until('2026-06-02T02:00Z');
    await bench.endDrill(101, 'proven', '');
    const { action, guests } = await bench.desk.preview('drills', 2, signal);
    expect(action).toBe('drill');
    expect(guests.map(({ vmid, nextAt, drill }) => [vmid, nextAt, drill?.outcome])).toEqual([
      [102, null, null],
      [201, Date.parse('2026-06-03T02:00Z'), null],
      [101, Date.parse('2026-06-04T02:00Z'), 'proven'],
    ]);
  });

  it('asked for by hand drills those whose turn it is, or those who are named', async () => {
    await backedUp(101, 102, 201);
    await bench.put({ ...drills, enabled: false });
    const first = await bench.desk.runNow('drills', undefined, signal);
    expect(first.runs.map(({ vmid, action }) => [vmid, action])).toEqual([[101, 'drill']]);
    const named = await bench.desk.runNow('drills', [201], signal);
    expect(named.runs.map(({ vmid }) => vmid)).toEqual([201]);
    await bench.settle();
    expect(begun()).toEqual([101, 201]);
  });
});

describe('a controller that comes back', () => {
  it('drills next time whom it was drilling when it was killed', async () => {
    await backedUp(101, 102);
    await bench.put(drills);
    await bench.until('2026-06-02T02:00Z');
    await bench.restart(minuteMs);
    await bench.endDrill(101, 'interrupted', 'the controller restarted during the drill');
    expect((await told())[0]).toBe('101 failed: the controller restarted during the drill');
    await bench.until('2026-06-03T02:00Z');
    expect(begun()).toEqual([101, 101]);
  });

  it('begins with a drill that was no operation yet', async () => {
    await backedUp(101);
    await bench.put(drills);
    await bench.until('2026-06-02T02:00Z');
    await bench.stop();
    bench.operations = new FakeOperations();
    await bench.start();
    await bench.settle();
    expect(begun()).toEqual([101]);
    expect(await bench.states('drills')).toEqual(['101 started']);
  });

  it('drops what waits for a schedule that is gone', async () => {
    await backedUp(101, 102);
    await bench.put({ ...drills, perRun: 2 });
    await bench.until('2026-06-02T02:00Z');
    await bench.desk.delete('drills');
    await bench.settle();
    expect(await bench.states('drills')).toEqual(['101 started', '102 missed']);
    await bench.endDrill(101, 'failed', 'it was damaged');
    expect(await bench.states('drills')).toEqual(['101 failed', '102 missed']);
  });
});

describe('what a schedule says', () => {
  it.each([
    [{ action: 'drill', storage: 'pbs' }, 'storage'],
    [{ action: 'drill', mode: 'stop' }, 'mode'],
    [{ action: 'drill', retention: { keepLast: 1 } }, 'retention'],
    [{ action: 'drill', concurrency: { perStorage: 1 } }, 'concurrency'],
    [{ action: 'backup', perRun: 2 }, 'perRun'],
  ] as const)('of the other action is refused: %j', async (input, path) => {
    await expect(bench.put(input)).rejects.toMatchObject({
      issues: [expect.objectContaining({ path: expect.arrayContaining([path]) })],
    });
  });
});
