import { expect, it } from 'vitest';
import { describeRehearsal } from '../cli/rehearse.ts';
import { rehearse } from './rehearse.ts';
import { Testbed } from './testbed.ts';

it('holds and thaws without a backup, and says how long', async () => {
  await using bed = await Testbed.open();
  const rehearsal = await rehearse(bed.coordinator, 'rehearsal-1');
  expect(bed.blocked()).toEqual([]);
  expect(bed.coordinator.state).toBe('idle');
  expect(rehearsal.failures).toEqual([]);
  expect(rehearsal.services.map(({ service, intactUntilThaw }) => [service, intactUntilThaw])).toEqual([
    ['cache', true],
    ['db', true],
    ['mail', true],
    ['web', true],
    ['wiki', true],
  ]);
  expect(describeRehearsal(rehearsal)).toMatch(
    /^Prepared in \d+ ms .*\n {2}shop\/cache +redis \(lock \+ freeze\)/,
  );
});

it('leaves nothing held when it fails', async () => {
  await using bed = await Testbed.open();
  bed.engine.inject({ call: 'freeze', effect: new Error('it broke') });
  await expect(rehearse(bed.coordinator, 'rehearsal-1')).rejects.toMatchObject({ code: 'hold-failed' });
  expect(bed.blocked()).toEqual([]);
});

it('waits for nobody: while a backup is under way it is refused', async () => {
  await using bed = await Testbed.open();
  await bed.coordinator.prepare({ operationId: 'op-1', deadlineMs: 60_000 });
  await expect(rehearse(bed.coordinator, 'rehearsal-1')).rejects.toMatchObject({ code: 'conflict' });
});
