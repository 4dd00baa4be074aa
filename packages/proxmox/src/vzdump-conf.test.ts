import { describe, expect, it } from 'vitest';
import { configuredScript, withScript } from './vzdump-conf.ts';

const shipped = `# vzdump default settings

#tmpdir: DIR
#script: FILENAME
storage: local
`;

describe('the script in vzdump.conf', () => {
  it.each([
    ['none where only a comment names one', shipped, undefined],
    ['the one that is set', `${shipped}script: /usr/local/bin/mine.sh\n`, '/usr/local/bin/mine.sh'],
    ['the last of several', 'script: /a\nmode: stop\nscript: /b', '/b'],
    ['with blanks around it', '  script:   /a b  \n', '/a b'],
    ['none in a file that is empty', '', undefined],
  ])('is %s', (_, conf, script) => expect(configuredScript(conf)).toBe(script));

  it.each([
    ['is added at the end', shipped, `${shipped}script: /hook\n`],
    ['is added behind a line without end', 'mode: stop', 'mode: stop\nscript: /hook\n'],
    ['is added to an empty file', '', 'script: /hook\n'],
    [
      'takes the place of the one that counts',
      '# a\nscript: /a\n# b\nscript: /b\nmode: stop\n',
      '# a\nscript: /a\n# b\nscript: /hook\nmode: stop\n',
    ],
  ])('%s, and all else stays', (_, before, after) => {
    expect(withScript(before, '/hook')).toBe(after);
    expect(withScript(after, '/hook')).toBe(after);
  });

  it('is taken out again, and leaves the file as it was', () => {
    expect(withScript(withScript(shipped, '/hook'), undefined)).toBe(shipped);
    expect(withScript(shipped, undefined)).toBe(shipped);
  });
});
