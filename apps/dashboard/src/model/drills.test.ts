import { expect, it } from 'vitest';
import { drillSaid } from './drills.ts';
import { now } from './testing.ts';

const drill = {
  operationId: 'o',
  backupId: 'b',
  vmid: 101,
  scratchVmid: 900,
  startedAt: now - 60_000,
  finishedAt: now,
  readyAfterMs: 27_300,
  message: '',
};

it.each([
  ['proven', 'good', /^restorable, proven \d{4}-\d\d-\d\d \d\d:\d\d, ready after 27\.3 s$/],
  ['started', 'watch', /nobody could ask/],
  ['failed', 'bad', /^not restorable/],
  ['interrupted', 'unknown', /shown nothing/],
] as const)('says what a drill has shown: %s', (outcome, tone, words) => {
  const said = drillSaid({ ...drill, outcome });
  expect(said.tone).toBe(tone);
  expect(said.words).toMatch(words);
});
