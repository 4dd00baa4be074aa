import { expect, it } from 'vitest';
import { groupsOf } from './grouping.ts';
import type { Notice } from './notice.ts';

const notice = (kind: Notice['kind'], resolved = false): Notice => ({
  as: 'notice',
  kind,
  resolved,
  at: 0,
  vmids: [101],
  title: '',
  what: '',
  next: '',
  path: '/',
});

it('puts together what is of one kind, and waits for more from the first of them on', () => {
  const queued = [
    { id: 1, at: 1_000, notice: notice('operation-failed') },
    { id: 2, at: 2_000, notice: notice('guest-not-ready') },
    { id: 3, at: 50_000, notice: notice('operation-failed') },
    { id: 4, at: 51_000, notice: notice('operation-failed', true) },
  ];
  const groups = groupsOf(queued, 60_000, 55_000);
  expect(groups.map(({ dueAt, queued: own }) => [dueAt, own.map(({ id }) => id)])).toEqual([
    [61_000, [1, 3]],
    [62_000, [2]],
    [111_000, [4]],
  ]);
});

it('does not wait for longer where the clock was set back', () => {
  const [group] = groupsOf([{ id: 1, at: 9_000_000, notice: notice('drill-failed') }], 60_000, 1_000);
  expect(group?.dueAt).toBe(61_000);
});
