import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandTable } from '../command-table.ts';
import { exitCodeMeanings, exitCodes } from '../exit-codes.ts';
import { commandList, exitCodeList } from './command-list.ts';
import { manualPage } from './manual-page.ts';
import { everyCommand, nameOf } from './synopsis.ts';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const nobody = (): never => {
  throw new Error('nothing is run here');
};
const program = commandTable({ ask: nobody, here: nobody, terminal: nobody });

// What has changed on purpose is written anew by `vitest run -u` with this file.
describe('what is written about tacet is made from its commands', () => {
  it('in docs/reference/cli.md', async () => {
    const path = join(root, 'docs', 'reference', 'cli.md');
    const text = await readFile(path, 'utf8');
    const commands = between(text, 'commands', commandList(program));
    await expect(between(commands, 'exit codes', exitCodeList())).toMatchFileSnapshot(path);
  });

  it('in the manual page', async () => {
    const path = join(root, 'packages', 'debian', 'pages', 'tacet.1');
    await expect(manualPage(program)).toMatchFileSnapshot(path);
  });
});

describe('the table of commands', () => {
  it.each(everyCommand(program).map((command) => [nameOf(command), command] as const))(
    '%s says what it is for, and what each argument and option means',
    (_, command) => {
      const described = [...command.registeredArguments, ...command.options];
      expect([command, ...described].filter((one) => aboutOf(one) === '')).toEqual([]);
    },
  );

  it('means something by every exit code', () => {
    expect(exitCodeMeanings.map(([code]) => code)).toEqual(Object.values(exitCodes));
  });
});

function aboutOf(one: { description: string | (() => string) }): string {
  return typeof one.description === 'string' ? one.description : one.description.call(one);
}

function between(text: string, mark: string, content: string): string {
  const [before, rest = ''] = text.split(`<!-- ${mark} -->\n`);
  const [, after] = rest.split(`<!-- /${mark} -->`);
  if (before === undefined || after === undefined) throw new Error(`no <!-- ${mark} --> there`);
  return `${before}<!-- ${mark} -->\n\n${content}\n\n<!-- /${mark} -->${after}`;
}
