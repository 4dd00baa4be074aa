import { retentionSchema } from '@tacet/protocol';
import { expect, it } from 'vitest';
import { pruneBackupsOf } from './prune-backups.ts';

it.each([
  [{ keepLast: 3 }, 'keep-last=3'],
  [{ keepAll: true }, 'keep-all=1'],
  [
    { keepHourly: 24, keepDaily: 7, keepWeekly: 4, keepMonthly: 12, keepYearly: 2, keepLast: undefined },
    'keep-hourly=24,keep-daily=7,keep-weekly=4,keep-monthly=12,keep-yearly=2',
  ],
])('%j is %s for Proxmox VE', (retention, expected) => {
  expect(pruneBackupsOf(retentionSchema.parse(retention))).toBe(expected);
});
