import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandTable } from '../command-table.ts';
import { completionScript, shells } from './completion.ts';

const run = promisify(execFile);
const nobody = (): never => {
  throw new Error('nothing is run here');
};
const program = commandTable({ ask: nobody, here: nobody, terminal: nobody });

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-completion-'));
  for (const shell of shells) await writeFile(scriptOf(shell), completionScript(shell, program));
  await writeFile(join(directory, 'nightly plan.json'), '');
});
afterAll(() => rm(directory, { recursive: true }));

function scriptOf(shell: string): string {
  return join(directory, `completion.${shell}`);
}

/** What each shell offers after a line; the script decides nothing but what is printed. */
const asking: Record<string, (words: readonly string[]) => Promise<string[]>> = {
  bash: async (words) => {
    const script = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tacet; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return await linesOf('bash', ['--norc', '-c', script, scriptOf('bash'), ...words]);
  },
  zsh: async (words) => {
    // compadd is how every completion ends; it is told what to print instead.
    const script = `
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell 'PS1=; autoload -Uz compinit; compinit -D -u; source "'$1'"; cd "'$2'"'
      zpty -w shell 'compadd () { local -a found; builtin compadd -O found "$@"; print -rl -- "<"$^found">"; builtin compadd "$@" }'
      zpty -w shell 'finish () { zle -I; print DONE }; complete-and-finish () { zle complete-word; finish }; zle -N complete-and-finish'
      zpty -w shell 'bindkey "^X" complete-and-finish; print REA""DY'
      zpty -r -m shell said '*READY*'
      zpty -w -n shell "$3"$'\\C-x'
      zpty -r -m shell said '*DONE*'
      print -r -- "$said"`;
    const { stdout } = await run(
      'zsh',
      ['-f', '-c', script, 'zsh', scriptOf('zsh'), directory, lineOf(words)],
      {
        timeout: 30_000,
      },
    );
    return [...new Set([...stdout.matchAll(/<([^<>\r\n]+)>/g)].map(([, word = '']) => word))];
  },
  fish: async (words) => {
    const script = 'source $argv[1]; complete -C $argv[2]';
    const lines = await linesOf('fish', ['--no-config', '-c', script, scriptOf('fish'), lineOf(words)]);
    return lines.map((line) => line.split('\t')[0] ?? '');
  },
};

async function linesOf(shell: string, args: readonly string[]): Promise<string[]> {
  const { stdout } = await run(shell, args, { cwd: directory, timeout: 30_000 });
  return stdout.split('\n').filter((line) => line !== '');
}

function lineOf(words: readonly string[]): string {
  return words.join(' ');
}

describe.each(shells)('%s', (shell) => {
  const isMissing = spawnSync(shell, ['--version']).status !== 0;
  const ask = asking[shell] ?? nobody;

  it.skipIf(isMissing).each([
    { typed: ['tacet', 'acc'], offered: ['account'] },
    { typed: ['tacet', 'account', ''], offered: ['add', 'delete', 'list', 'password', 'role'] },
    { typed: ['tacet', 'backup', '101', '--mode', ''], offered: ['snapshot', 'stop', 'suspend'] },
    { typed: ['tacet', 'backup', '101', '--fail'], offered: ['--fail-closed'] },
    { typed: ['tacet', '--controller', 'status', 'completion', ''], offered: ['bash', 'fish', 'zsh'] },
    { typed: ['tacet', 'restore', '101', '--no-s'], offered: ['--no-safety-backup'] },
    { typed: ['tacet', 'help', 'verd'], offered: ['verdicts'] },
  ])(
    `offers $offered after $typed${isMissing ? ` (skipped: there is no ${shell})` : ''}`,
    async ({ typed, offered }) => {
      expect((await ask(typed)).toSorted()).toEqual(offered);
    },
  );

  it.skipIf(isMissing)(
    `offers files where a file is wanted${isMissing ? ` (skipped: there is no ${shell})` : ''}`,
    async () => {
      const found = await ask(['tacet', 'schedule', 'set', 'nightly', '--file', 'nigh']);
      expect([...new Set(found.map((one) => one.replaceAll('\\', '')))]).toEqual(['nightly plan.json']);
    },
  );
});
