import type { Command } from 'commander';
import { usage } from '../cli-error.ts';
import type { LocalContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { topicNames, topics } from '../help-topics.ts';

/** Of a command, of a topic, or of all there is. */
export function showHelp(words: readonly string[], program: Command, { print }: LocalContext): ExitCode {
  const [name] = words;
  const topic = words.length === 1 ? topics.find((one) => one.name === name) : undefined;
  if (topic === undefined) find(words, program).outputHelp();
  else topic.lines().forEach(print);
  return exitCodes.ok;
}

function find(words: readonly string[], program: Command): Command {
  let found = program;
  for (const word of words) {
    const next = found.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next === undefined) {
      throw usage(`no help on ${words.join(' ')}`, `A command, or one of ${topicNames.join(', ')}.`);
    }
    found = next;
  }
  return found;
}
