import { type Clock, describeError, systemClock, TacetError } from '@tacet/runtime';
import { type Command, CommanderError } from 'commander';
import { CliError } from './cli-error.ts';
import { type Action, type Actor, commandTable } from './command-table.ts';
import type { LocalContext, Screen } from './context.ts';
import { HttpControllerApi } from './controller-api.ts';
import { findController } from './controller-file.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { processTerminal, type Terminal } from './provision/terminal.ts';
import { everyCommand, nameOf, synopsisOf } from './reference/synopsis.ts';

export interface RunOptions {
  /** Without the interpreter and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Where secrets are typed; standard input unless given. */
  readonly terminal?: Terminal;
  /** Where standard output is one that is looked at. */
  readonly screen?: Screen;
}

/** The whole of `tacet`, without touching the process. @returns the exit code. */
export async function run(options: RunOptions): Promise<ExitCode> {
  const { argv, stderr, signal, terminal } = options;
  let exitCode: ExitCode = exitCodes.ok;
  let running: Command | undefined;
  const program = readyToParse(options, {
    ask: async (action) => {
      exitCode = await withController(program, options, action);
    },
    here: async (action) => {
      exitCode = await action(localContext(program, options));
    },
    terminal: () => terminal ?? processTerminal(),
  });
  program.hook('preAction', (_, command) => {
    running = command;
    refuseEmpty(command);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (signal.aborted && !(error instanceof CliError)) return exitCodes.interrupted;
    stderr(`tacet: ${describeError(error)}\n`);
    if (error instanceof TacetError && error.hint !== undefined) stderr(`hint: ${error.hint}\n`);
    const isUsage = error instanceof CliError && error.exitCode === exitCodes.usage;
    if (isUsage && error.code === 'invalid-input' && running !== undefined) stderr(usageOf(running));
    return error instanceof CliError ? error.exitCode : exitCodes.failed;
  }
}

/** Whoever calls it wrongly is shown how that command is called. */
function readyToParse({ stdout, stderr }: RunOptions, actor: Actor): Command {
  const program = commandTable(actor);
  for (const command of everyCommand(program)) {
    command
      .configureOutput({ writeOut: stdout, writeErr: stderr })
      .helpCommand(false)
      .showHelpAfterError(usageOf(command).trimEnd())
      .exitOverride();
  }
  return program;
}

function usageOf(command: Command): string {
  return `usage: ${synopsisOf(command)}\n(${nameOf(command)} --help tells more)\n`;
}

/** What a script got from an unset variable is meant for nobody. */
function refuseEmpty(command: Command): void {
  for (const [name, value] of Object.entries(command.opts())) {
    if (value === '')
      command.error(
        `error: the value of --${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is empty`,
      );
  }
  if (command.args.includes('')) command.error('error: an argument is empty');
}

async function withController(program: Command, options: RunOptions, action: Action): Promise<ExitCode> {
  const { controller } = program.opts<{ controller?: string }>();
  const access = await findController(controller, options.env);
  await using api = new HttpControllerApi(access);
  return await action({ api, ...localContext(program, options) });
}

function localContext(program: Command, options: RunOptions): LocalContext {
  const { stdout, stderr, signal, clock = systemClock, screen } = options;
  const { json = false } = program.opts<{ json?: boolean }>();
  const print = (line: string): void => stdout(`${line}\n`);
  // Words about the way are for people at a terminal; with --json the answer alone is wanted.
  const note = (line: string): void => (json ? undefined : stderr(`${line}\n`));
  return { json, print, note, clock, signal, ...(screen !== undefined && { screen }) };
}
