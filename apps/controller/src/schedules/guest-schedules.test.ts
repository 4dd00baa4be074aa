import { compileSchedule } from '@tacet/core';
import { scheduleSchema, type ScheduleInput, type ScheduleRun } from '@tacet/protocol';
import { expect, it } from 'vitest';
import { guestSchedules } from './guest-schedules.ts';

const now = Date.UTC(2026, 0, 10, 12);
const guests = [101, 102, 103].map((vmid) => ({
  vmid,
  name: `ct${vmid}`,
  tags: vmid === 103 ? ['lab'] : ['prod'],
  pool: undefined,
  node: 'pve1',
  storage: 'local',
}));

function schedule(more: Partial<ScheduleInput> & { name: string }) {
  return compileSchedule(
    scheduleSchema.parse({
      guests: { include: { tags: ['prod'] } },
      when: { event: '02:00', timeZone: 'UTC' },
      ...more,
    }),
  );
}

const run = (name: string, vmid: number, more: Partial<ScheduleRun> = {}): ScheduleRun => ({
  id: `${name}-${vmid}`,
  schedule: name,
  vmid,
  action: 'backup',
  cause: 'event',
  eventAt: now - 36_000_000,
  dueAt: now - 36_000_000,
  late: false,
  state: 'failed',
  message: 'the storage is full',
  operationId: 'o1',
  consistency: null,
  endedAt: now - 35_000_000,
  ...more,
});

it('says of each guest which schedules back it up, when next, and what came of the last turn', () => {
  const schedules = [schedule({ name: 'nightly' }), schedule({ name: 'off', enabled: false })];
  const of = guestSchedules({ schedules, guests, lastRuns: [run('nightly', 101)], now });
  expect(of.get(101)).toEqual([
    {
      name: 'nightly',
      enabled: true,
      nextAt: Date.UTC(2026, 0, 11, 2),
      lastRun: {
        dueAt: now - 36_000_000,
        state: 'failed',
        message: 'the storage is full',
        operationId: 'o1',
      },
    },
    { name: 'off', enabled: false, nextAt: null, lastRun: null },
  ]);
  expect(of.get(102)?.[0]?.lastRun).toBeNull();
  expect(of.get(103)).toEqual([]);
});

it('knows that a drill is no backup', () => {
  const of = guestSchedules({
    schedules: [schedule({ name: 'drills', action: 'drill' })],
    guests,
    lastRuns: [],
    now,
  });
  expect(of.get(101)).toEqual([]);
});
