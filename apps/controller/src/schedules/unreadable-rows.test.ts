import type { ScheduleInput } from '@tacet/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newOperation } from '../jobs/operation-record.ts';
import { DamageableStore } from '../store/testing/damageable-store.ts';
import { DeskBench, guestOn } from './testing/desk-bench.ts';

const drills: Partial<ScheduleInput> = { name: 'drills', action: 'drill', perRun: 3 };
const signal = new AbortController().signal;

let damageable: DamageableStore;
let bench: DeskBench;
beforeEach(async () => {
  damageable = await DamageableStore.open();
  const guests = [guestOn('pve1', 101), guestOn('pve2', 201)];
  bench = await DeskBench.open('2026-06-01T20:00Z', guests, damageable.store);
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await damageable[Symbol.asyncDispose]();
});

it('a backup of a schedule whose operation cannot be read has failed, and the others go on', async () => {
  await bench.put();
  await bench.until('2026-06-02T02:00Z');
  const { operations, store } = bench;
  await bench.stop();
  for (const { id, vmid } of operations.started) {
    await store.operations.create(newOperation(id, 'backup', vmid, bench.clock.now()));
    await store.operations.finish(id, { at: bench.clock.now(), restoredTo: null, error: null });
  }
  damageable.run(`UPDATE operations SET error = '{' WHERE vmid = 101`);
  operations.known.clear();
  operations.get = (id) => store.operations.get(id);
  await bench.start();
  expect(await bench.states()).toEqual(['101 failed', '201 succeeded']);
  const [run] = (await bench.desk.runs('nightly', 10)).filter(({ vmid }) => vmid === 101);
  expect(run).toMatchObject({
    message: expect.stringContaining('cannot be read'),
    endedAt: bench.clock.now(),
  });
});

it('a run that cannot be read is left out', async () => {
  await bench.put();
  await bench.until('2026-06-02T02:00Z');
  damageable.run(`UPDATE schedule_runs SET cause = 'whim' WHERE vmid = 101`);
  await bench.restart();
  expect(await bench.states()).toEqual(['201 started']);
});

it('a guest whose newest backup cannot be read has had its turn, and the others are drilled', async () => {
  await bench.backUp(101, 'pve1');
  await bench.backUp(201, 'pve2');
  damageable.run(`UPDATE backups SET verdict = '{' WHERE vmid = 101`);
  await bench.put(drills);
  await bench.until('2026-06-02T02:00Z');
  expect(bench.operations.drilled.map(({ backup }) => backup.vmid)).toEqual([201]);
  expect(await bench.states('drills')).toEqual(['101 missed', '201 started']);
  expect(await bench.events('schedule.missed')).toEqual([
    expect.stringMatching(
      /guest 101 is not drilled: the store has backup b1 of guest 101, which cannot be read/,
    ),
  ]);
});

it('a preview of drills goes on without what cannot be read', async () => {
  await bench.backUp(101, 'pve1');
  await bench.backUp(201, 'pve2');
  await bench.put({ ...drills, perRun: 1 });
  await bench.until('2026-06-02T02:00Z');
  await bench.endDrill(101, 'proven', '');
  damageable.run(`UPDATE drills SET ready_after_ms = -1; UPDATE backups SET verdict = '{' WHERE vmid = 201`);
  const { guests } = await bench.desk.preview('drills', 2, signal);
  expect(guests.map(({ vmid, nextAt, drill }) => [vmid, nextAt, drill?.outcome])).toEqual([
    [201, null, null],
    [101, Date.parse('2026-06-04T02:00Z'), null],
  ]);
});
