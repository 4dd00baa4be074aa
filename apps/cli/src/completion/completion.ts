import type { Command, Option } from 'commander';
import { topics } from '../help-topics.ts';
import { choicesOf, everyCommand, nameOf } from '../reference/synopsis.ts';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import type { CompletedOption, Place } from './place.ts';
import { zshCompletion } from './zsh.ts';

const topicWords = topics.map(({ name, summary }) => ({ word: name, about: summary }));
const generators = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
export const shells = Object.keys(generators);

/** @param shell one of `shells` */
export function completionScript(shell: string, program: Command): string {
  const generate = Object.entries(generators).find(([name]) => name === shell)?.[1] ?? bashCompletion;
  return generate(everyCommand(program).map((command) => placeOf(command, program)));
}

function placeOf(command: Command, program: Command): Place {
  const own = command === program ? [] : program.options;
  return {
    names: namesOf(command),
    words: command.name() === 'help' ? [...wordsOf(program), ...topicWords] : wordsOf(command),
    options: [...command.options, ...own].map(optionOf),
  };
}

/** Of a command without others below it: the values that its first arguments may have. */
function wordsOf(command: Command): Place['words'] {
  const below = command.commands.map((one) => ({ word: one.name(), about: one.description() }));
  const values = command.registeredArguments.flatMap((argument) =>
    (choicesOf(argument) ?? []).map((word) => ({ word, about: argument.description })),
  );
  return [...below, ...values];
}

function optionOf(option: Option): CompletedOption {
  const about = option.description;
  const flag = option.long ?? option.flags;
  if (!option.required) return { flag, about, values: undefined };
  const isFile = /<(file|directory)>/.test(option.flags);
  return { flag, about, values: isFile ? 'file' : (choicesOf(option) ?? []) };
}

function namesOf(command: Command): string[] {
  const name = nameOf(command);
  const parent = command.parent === null ? '' : `${nameOf(command.parent)} `;
  return [name, ...command.aliases().map((alias) => `${parent}${alias}`)];
}
