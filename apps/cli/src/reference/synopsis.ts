import type { Argument, Command, Option } from 'commander';

/** A command and all below it, in the order of the table. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** Those that do something themselves. */
export function leafCommands(program: Command): Command[] {
  return everyCommand(program).filter(({ commands }) => commands.length === 0);
}

/** `tacet schedule show` */
export function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

/** `tacet schedule show NAME [--runs COUNT]` */
export function synopsisOf(command: Command): string {
  return [nameOf(command), ...wordsOf(command)].join(' ');
}

/** The same in lines of no more than `width`, those after the first indented. */
export function synopsisLines(command: Command, width: number, indent: string): string[] {
  const lines = [nameOf(command)];
  for (const word of wordsOf(command)) {
    const last = lines.length - 1;
    const longer = `${lines[last]} ${word}`;
    if (longer.length <= width) lines[last] = longer;
    else lines.push(`${indent}${word}`);
  }
  return lines;
}

function wordsOf(command: Command): string[] {
  const below = command.commands.length > 0 ? ['COMMAND'] : [];
  return [...below, ...command.registeredArguments.map(argumentWord), ...command.options.map(optionWord)];
}

/** The values that an option or an argument has; undefined where it has none, or any. */
export function choicesOf({ argChoices }: Option | Argument): readonly string[] | undefined {
  return argChoices;
}

function argumentWord(argument: Argument): string {
  const word = `${valueWord(argument, argument.name())}${argument.variadic ? '…' : ''}`;
  return argument.required ? word : `[${word}]`;
}

function optionWord(option: Option): string {
  const value = /<(.+)>/.exec(option.flags)?.[1];
  const word = value === undefined ? `${option.long}` : `${option.long} ${valueWord(option, value)}`;
  return option.mandatory ? word : `[${word}]`;
}

/** A few values are said; many are in the help. */
function valueWord(described: Option | Argument, name: string): string {
  const choices = choicesOf(described);
  return choices !== undefined && choices.length <= 4 ? choices.join('|') : name.toUpperCase();
}
