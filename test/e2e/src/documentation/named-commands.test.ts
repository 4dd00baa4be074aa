import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@tacet/cli';
import { describe, expect, it } from 'vitest';
import { blocksOf, commandsOf, isCommands, pages, workspace } from './blocks.ts';

interface Named {
  readonly where: string;
  readonly words: readonly string[];
}

/** Every call of `program` that a page names, between backticks or in a block of commands. */
function namedCalls(program: string): Named[] {
  return pages().flatMap((page) => {
    const prose = readFileSync(join(workspace, page), 'utf8').replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
    const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replaceAll(/\s+/g, ' '));
    const blocks = blocksOf(page).filter(isCommands).map(commandsOf);
    const lines = blocks.flatMap((text) => text.replaceAll('\\\n', ' ').split('\n'));
    return [...spans, ...lines].flatMap((text) => {
      const [, call] =
        new RegExp(`^(?:sudo )?${program} (.*)$`).exec(text.split(/[;#|]| && /)[0]?.trim() ?? '') ?? [];
      return call === undefined ? [] : [{ where: `${page}: ${text}`, words: call.split(/\s+/) }];
    });
  });
}

interface Help {
  readonly commands: ReadonlySet<string>;
  readonly options: ReadonlySet<string>;
}

const known = new Map<string, Promise<Help>>();

/** What `tacet … --help` says that there is. */
function helpOf(path: readonly string[]): Promise<Help> {
  const asked = known.get(path.join(' ')) ?? askHelp(path);
  known.set(path.join(' '), asked);
  return asked;
}

async function askHelp(path: readonly string[]): Promise<Help> {
  let out = '';
  await run({
    argv: [...path, '--help'],
    env: {},
    stdout: (text) => void (out += text),
    stderr: () => undefined,
    signal: new AbortController().signal,
  });
  const list = /^Commands:\n((?: {2}.*\n?)*)/m.exec(out)?.[1] ?? '';
  return {
    commands: new Set([...list.matchAll(/^ {2}([a-z|-]+)/gm)].flatMap(([, names = '']) => names.split('|'))),
    options: new Set(out.match(/--[a-z-]+/g)),
  };
}

/** @returns what is not there. */
async function unknownIn({ words }: Named): Promise<string[]> {
  const top = await helpOf([]);
  const path: string[] = [];
  const unknown: string[] = [];
  let help = top;
  for (const word of words) {
    const option = /^(--[a-z-]+)/.exec(word)?.[1];
    if (option !== undefined) {
      if (!help.options.has(option) && !top.options.has(option)) unknown.push(option);
    } else if (help.commands.has(word)) {
      help = await helpOf([...path, word]);
      path.push(word);
    } else if (help.commands.size > 0 && /^[a-z]/.test(word) && path.length < 2) {
      unknown.push(word);
      break;
    }
  }
  return unknown.map((word) => `tacet ${[...path, word].join(' ')}`);
}

describe('what the documentation names', () => {
  it('as a command or an option of tacet is one', async () => {
    const calls = namedCalls('tacet');
    expect(calls.length).toBeGreaterThan(60);
    const wrong = await Promise.all(
      calls.map(async (call) => (await unknownIn(call)).map((word) => `${call.where} names ${word}`)),
    );
    expect(wrong.flat()).toEqual([]);
  });

  it.each(['agent', 'controller'])('as a command or an option of tacet-%s is one', (app) => {
    const main = join(workspace, 'apps', app, 'src', 'main.ts');
    const { stdout, stderr } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' });
    const usage = stdout + stderr;
    const commands = new Set(
      [...usage.matchAll(/^ {2,}(?:tacet-controller )?([a-z-]+)/gm)].map(([, one]) => one),
    );
    const calls = namedCalls(`tacet-${app}`);
    expect(calls.length).toBeGreaterThan(0);
    const wrong = calls.filter(({ words: [first = '', ...rest] }) => {
      const named = rest.filter((word) => /^--[a-z]/.test(word));
      return (
        (/^[a-z]/.test(first) && !commands.has(first)) || named.some((option) => !usage.includes(option))
      );
    });
    expect(wrong.map(({ where }) => where)).toEqual([]);
  });

  it('refuses what is not there', async () => {
    expect(await unknownIn({ where: '', words: ['bakcup', '101'] })).toEqual(['tacet bakcup']);
    expect(await unknownIn({ where: '', words: ['restore', '101', '--inplace'] })).toEqual([
      'tacet restore --inplace',
    ]);
    expect(await unknownIn({ where: '', words: ['schedule', 'list'] })).toEqual([]);
  });
});
