import { expect, it } from 'vitest';
import { settingGroups, valueWords } from './settings.ts';

const setting = (name: string, value: string | number | boolean | string[] | null) => ({
  name,
  value,
  isDefault: true,
});

it.each([
  [setting('leaseMs', 30_000), '30.0 s'],
  [setting('loginMaxMs', 604_800_000), '7 days'],
  [setting('listen.port', 8443), '8443'],
  [setting('metricsFromLoopback', false), 'no'],
  [setting('trustedProxies', []), 'none'],
  [setting('trustedProxies', ['10.0.0.1', '10.0.0.2']), '10.0.0.1, 10.0.0.2'],
  [setting('hook.socket', null), 'not set'],
])('says a value as people read it: %o', (one, words) => {
  expect(valueWords(one)).toBe(words);
});

it('groups what it knows, and leaves out nothing that it does not', () => {
  const groups = settingGroups([
    setting('leaseMs', 1),
    setting('newSetting', 'x'),
    setting('stateDir', '/s'),
  ]);
  expect(groups.map(({ title }) => title)).toEqual(['Holds', 'Files', 'More']);
  expect(groups.at(-1)?.settings[0]?.words).toBe('newSetting');
});
