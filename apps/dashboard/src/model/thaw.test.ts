import { expect, it } from 'vitest';
import { anOperation, aService } from './testing.ts';
import { thawWarning, thawWords } from './thaw.ts';

it('says beforehand what it costs a backup that runs', () => {
  expect(thawWarning([anOperation({ state: 'running' })])).toMatch(/^A backup of it runs.*crash-consistent/);
  expect(thawWarning([anOperation({ kind: 'rehearsal', state: 'running' })])).toMatch(/^If somebody else/);
});

it('says afterwards what came of it', () => {
  const thawed = { releasedBy: 'operator', thawed: true, services: [aService('db')], failures: [] } as const;
  const base = { ...thawed, services: [...thawed.services], failures: [] };
  expect(thawWords(base)).toBe('1 service goes on.');
  expect(thawWords({ ...base, releasedBy: null, services: [] })).toBe('Nothing was held.');
  const failures = [{ stack: 'shop', service: 'db', phase: 'thaw' as const, message: 'the engine hangs' }];
  expect(thawWords({ ...base, thawed: false, failures })).toContain('shop/db: the engine hangs');
});
