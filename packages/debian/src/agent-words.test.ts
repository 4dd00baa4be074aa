import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { workspace } from './workspace.ts';

const pages = join(workspace, 'packages', 'debian', 'pages');
const main = readFileSync(join(workspace, 'apps', 'agent', 'src', 'main.ts'), 'utf8');
const usage = /const usage = `([^`]*?)\nOptions:/.exec(main)?.[1] ?? '';
const commands = [...usage.matchAll(/^ {2}([a-z][a-z-]+) /gm)].map(([, word = '']) => word);

describe('what is written about tacet-agent', () => {
  it('knows its commands', () => expect(commands).toContain('rehearse'));

  it.each([
    ['the manual page', 'tacet-agent.8'],
    ['the completion', 'tacet-agent.bash'],
  ])('has each command in %s', (_, file) => {
    const text = readFileSync(join(pages, file), 'utf8').replaceAll(String.raw`\-`, '-');
    expect(commands.filter((word) => !new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(text))).toEqual([]);
  });
});
