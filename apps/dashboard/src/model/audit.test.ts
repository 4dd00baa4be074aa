import type { AuditEntry } from '@tacet/protocol';
import { expect, it } from 'vitest';
import { selectEntries } from './audit.ts';

const entry = (sequence: number, more: Partial<AuditEntry>): AuditEntry => ({
  sequence,
  at: 1,
  who: { kind: 'account', name: 'conductor' },
  address: '10.0.0.7',
  what: 'Start a backup',
  method: 'POST',
  path: '/api/v1/guests/101/backups',
  outcome: 'done',
  status: 202,
  code: null,
  ...more,
});
const entries = [
  entry(2, {}),
  entry(1, { who: null, what: 'Sign a browser in', outcome: 'refused', code: 'unauthorized' }),
];

it.each([
  ['', [2, 1]],
  ['CONDUCTOR backup', [2]],
  ['nobody refused', [1]],
  ['conductor refused', []],
])('finds every word of "%s"', (search, expected) => {
  expect(selectEntries(entries, search).map(({ sequence }) => sequence)).toEqual(expected);
});
