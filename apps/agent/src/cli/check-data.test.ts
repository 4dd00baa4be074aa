import { expect, it } from 'vitest';
import { describeChecks } from './check-data.ts';

it('what was looked at is told, what is damaged, and what could not be asked', () => {
  const of = { stack: 'shop', looked: [], findings: [], trouble: undefined };
  expect(describeChecks([])).toBe('No database that Tacet can check runs here.\n');
  expect(
    describeChecks([
      { ...of, service: 'db', looked: ['33 tables opened and checked'] },
      {
        ...of,
        service: 'wiki',
        looked: ['integrity_check of 1 databases'],
        findings: [{ marker: 'a.db', expected: 'ok', found: 'malformed', because: 'it contradicts itself' }],
      },
      { ...of, service: 'old', trouble: 'its own client could not reach the server' },
    ]),
  ).toBe(`shop/db: 33 tables opened and checked
shop/wiki: integrity_check of 1 databases
  DAMAGED: a.db: expected ok, found malformed (it contradicts itself)
shop/old: its own client could not reach the server
`);
});
