import type { Command } from 'commander';
import { exitCodeMeanings } from '../exit-codes.ts';
import { leafCommands, synopsisLines } from './synopsis.ts';

const WIDTH = 110;

/** What docs/reference/cli.md has between its marks: every command and what it is for. */
export function commandList(program: Command): string {
  const entries = leafCommands(program).map((command) =>
    [...synopsisLines(command, WIDTH, '        '), `    ${command.description()}`].join('\n'),
  );
  return ['```text', ...entries, '```'].join('\n');
}

/** What it has of exit codes. */
export function exitCodeList(): string {
  return exitCodeMeanings.map(([code, meaning]) => `- **${code}**: ${meaning}`).join('\n');
}
