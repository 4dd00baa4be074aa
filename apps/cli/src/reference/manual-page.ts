import type { Command } from 'commander';
import { exitCodeMeanings } from '../exit-codes.ts';
import { environmentVariables, topics } from '../help-topics.ts';
import { leafCommands, nameOf, synopsisOf } from './synopsis.ts';

/** `tacet(1)`, for the package. */
export function manualPage(program: Command): string {
  return [
    '.TH TACET 1 "" "Tacet" "User Commands"',
    '.SH NAME',
    String.raw`tacet \- backups of Docker guests on Proxmox VE that are app\-consistent, and their restores`,
    '.SH SYNOPSIS',
    '.B tacet',
    String.raw`.RB [ \-\-json ]`,
    String.raw`.RB [ \-\-controller`,
    '.IR file ]',
    '.I command',
    '.SH DESCRIPTION',
    'A client of the controller, and what is done on the machine that is a node or a controller.',
    String.raw`.B tacet help \fIcommand\fR`,
    'says what the arguments and options of a command are.',
    '.SH COMMANDS',
    ...leafCommands(program).flatMap((command) => [
      '.TP',
      `.B ${roff(nameOf(command))}${roff(synopsisOf(command).slice(nameOf(command).length))}`,
      roff(`${command.description()}.`),
    ]),
    '.SH ENVIRONMENT',
    ...environmentVariables.flatMap(([name, meaning]) => ['.TP', `.B ${name}`, roff(meaning)]),
    '.SH EXIT STATUS',
    ...exitCodeMeanings.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, roff(`${meaning}.`)]),
    ...topics
      .filter(({ inManual }) => inManual)
      .flatMap(({ name, lines }) => [`.SH ${name.toUpperCase()}`, '.nf', ...lines().map(roff), '.fi']),
    '.SH SEE ALSO',
    '.BR tacet\\-controller (8),',
    '.BR tacet\\-agent (8)',
    '',
  ].join('\n');
}

/** Hyphens that are typed, and no line that reads as a request. */
function roff(text: string): string {
  const escaped = text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll('’', String.raw`\(cq`)
    .replaceAll('…', '...');
  return /^[.']/.test(escaped) ? String.raw`\&${escaped}` : escaped;
}
