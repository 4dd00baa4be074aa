import { describe, expect, it } from 'vitest';
import { cancelWords, operationSaid, operationTitle, runningOn } from './operations.ts';
import { anOperation } from './testing.ts';

const step = (name: string) => ({ at: 0, name, message: '' });
const running = (...names: string[]) =>
  anOperation({ state: 'running', finishedAt: null, steps: names.map(step) });

describe('what becomes of an operation that is cancelled', () => {
  it('is told by how far it is', () => {
    expect(cancelWords(running('prepared'))).toBe(
      'The node has not been asked for anything yet: there will be no backup.',
    );
    expect(cancelWords(running('prepared', 'held'))).toMatch(
      /^Guest 101 is held now: it is thawed first\. The node/,
    );
    expect(cancelWords(running('held', 'requested'))).toMatch(
      /thawed first\. Then the node is asked to stop/,
    );
    expect(cancelWords(running('held', 'requested', 'thawed'))).toMatch(/^Then the node is asked to stop/);
    expect(cancelWords({ ...running(), kind: 'rehearsal' })).toBe(
      'Guest 101 is thawed at once, if it is held.',
    );
  });
});

it('does not call a failure what somebody wanted', () => {
  const error = { code: 'cancelled', message: 'cancelled by account anna', retryable: false } as const;
  expect(operationSaid(anOperation({ state: 'failed', error })).words).toBe('cancelled');
  expect(operationSaid(anOperation({ state: 'failed' })).words).toBe('failed');
});

it('names what is done with whom', () => {
  expect(operationTitle(anOperation({ kind: 'rehearsal' }))).toBe('Rehearsal of guest 101');
  expect(operationTitle(anOperation({ kind: 'restore', restoredTo: 201 }))).toBe(
    'Restore of guest 101 as 201',
  );
});

it('finds what goes on with a guest, also as the copy that is being made', () => {
  const restore = { ...running(), id: 'o2', kind: 'restore', restoredTo: 201 } as const;
  expect(runningOn(201, [anOperation(), running(), restore])).toEqual([restore]);
});
