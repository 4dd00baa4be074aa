import { describe, expect, it } from 'vitest';
import { projectFiles, read } from './tree.ts';

const page = read('docs/guides/troubleshooting.md');
const sources = projectFiles()
  .filter((file) => /^(apps|packages)\/[^/]+\/src\/.*\.(ts|sh)$/.test(file) && !file.includes('.test.'))
  .map(read)
  .join('\n')
  .replaceAll(String.raw`\'`, "'");

const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (it says|code|-+) /.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| /, '').trim()));

/** What a schema's `z.enum` lists. */
function listed(file: string): string[] {
  const list = /z\.enum\(\[([\s\S]*?)\]\)/.exec(read(file))?.[1] ?? '';
  return [...list.matchAll(/'([a-z-]+)'/g)].map(([, word = '']) => word);
}

/** The parts of a quoted message that are the same each time. */
const fixedParts = (message: string): string[] =>
  message
    .split('…')
    .map((part) => part.replaceAll(/^[\s:()]+|[\s:()]+$/g, ''))
    .filter((part) => part.length > 3);

describe('the troubleshooting page', () => {
  it('quotes messages as they are said', () => {
    const messages = rows
      .flatMap(([first = '']) => [...first.matchAll(/`([^`]+ [^`]+)`/g)])
      .map(([, text = '']) => text);
    expect(messages.length).toBeGreaterThan(50);
    // Of Proxmox VE, and of Redis itself.
    const notOurs = ['CT is locked (backup)', '…: NOAUTH …', '…: NOPERM …'];
    const never = messages
      .filter((message) => !notOurs.includes(message))
      .filter((message) =>
        fixedParts(message.replace(/^tacet: /, '')).some((part) => !sources.includes(part)),
      );
    expect(never).toEqual([]);
  });

  it('explains every error code, and no other', () => {
    const explained = page.slice(page.indexOf('## Every code')).matchAll(/^\| `([a-z-]+)`/gm);
    expect([...explained].map(([, code]) => code)).toEqual(listed('packages/protocol/src/error-codes.ts'));
  });

  it('names no code and no finding that does not exist', () => {
    const known = new Set([
      ...listed('packages/protocol/src/error-codes.ts'),
      ...listed('packages/protocol/src/findings.ts'),
    ]);
    const named = [
      ...[...page.matchAll(/[Ff]indings? ((?:`[a-z-]+`(?:, | and )?)+)/g)].flatMap(
        ([, list = '']) => list.match(/[a-z-]+/g) ?? [],
      ),
      ...rows
        .flatMap((cells) => cells.slice(0, 2))
        .flatMap((cell) => /^`([a-z]+-[a-z-]+)`/.exec(cell)?.[1] ?? []),
    ].filter((word) => word !== 'and');
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((word) => !known.has(word))).toEqual([]);
  });
});
