import { type Clock, describeError, systemClock, TacetError } from '@tacet/runtime';
import { vmidSchema } from '@tacet/protocol';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { CliError } from './cli-error.ts';
import { type BackupOptions, backUp, listBackups } from './commands/backups.ts';
import { showEvents } from './commands/events.ts';
import { enrol, listGuests, showStatus } from './commands/guests.ts';
import { showOperation } from './commands/operation.ts';
import { restore, type RestoreOptions } from './commands/restore.ts';
import type { Context } from './context.ts';
import { HttpControllerApi } from './controller-api.ts';
import { readControllerFile } from './controller-file.ts';
import { type ExitCode, exitCodes, exitCodesHelp } from './exit-codes.ts';

export interface RunOptions {
  /** Without the interpreter and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

type Action = (context: Context) => Promise<ExitCode>;

/** The whole of `tacet`, without touching the process. @returns the exit code. */
export async function run(options: RunOptions): Promise<ExitCode> {
  const { argv, stderr, signal } = options;
  let exitCode: ExitCode = exitCodes.ok;
  const program = commands(options, async (action) => {
    exitCode = await withController(program, options, action);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (signal.aborted && !(error instanceof CliError)) return exitCodes.interrupted;
    stderr(`tacet: ${describeError(error)}\n`);
    if (error instanceof TacetError && error.hint !== undefined) stderr(`hint: ${error.hint}\n`);
    return error instanceof CliError ? error.exitCode : exitCodes.failed;
  }
}

async function withController(program: Command, options: RunOptions, action: Action): Promise<ExitCode> {
  const { stdout, stderr, env, signal, clock = systemClock } = options;
  const { controller, json = false } = program.opts<{ controller?: string; json?: boolean }>();
  const access = await readControllerFile(controller ?? env['TACET_CONTROLLER']);
  await using api = new HttpControllerApi(access);
  const print = (line: string): void => stdout(`${line}\n`);
  // Words about the way are for people at a terminal; with --json the answer alone is wanted.
  const note = (line: string): void => (json ? undefined : stderr(`${line}\n`));
  return await action({ api, json, print, note, clock, signal });
}

function commands({ stdout, stderr }: RunOptions, act: (action: Action) => Promise<void>): Command {
  const program = new Command('tacet')
    .description('App-consistent, proven, self-healing backups of Docker in Proxmox VE guests.')
    .option('--json', 'print the answers themselves')
    .option(
      '--controller <file>',
      'access to the controller (default: $TACET_CONTROLLER, /var/lib/tacet-controller/cli.json or ~/.config/tacet/controller.json)',
    )
    .addHelpText('after', exitCodesHelp)
    .configureOutput({ writeOut: stdout, writeErr: stderr })
    .showHelpAfterError('(tacet --help shows how)')
    .exitOverride();

  program
    .command('status')
    .description('the controller and its guests, or one guest in detail')
    .argument('[vmid]', 'the guest', parseVmid)
    .action((vmid?: number) => act((context) => showStatus(vmid, context)));
  program
    .command('guests')
    .description('every guest that is known, quarantined copies included')
    .action(() => act(listGuests));
  program
    .command('enrol')
    .alias('enroll')
    .description('make a guest known: prints the command to run in it, once')
    .argument('<vmid>', 'the guest', parseVmid)
    .action((vmid: number) => act((context) => enrol(vmid, context)));
  program
    .command('backup')
    .description('back a guest up and print the verdict with its proof')
    .argument('<vmid>', 'the guest', parseVmid)
    .option('--storage <storage>', 'where to; the node’s configured one when left out')
    .action((vmid: number, options: BackupOptions) => act((context) => backUp(vmid, options, context)));
  program
    .command('restore')
    .description('restore a backup under another VMID and wait until the copy is ready')
    .argument('<vmid>', 'the guest that was backed up', parseVmid)
    .requiredOption('--to <vmid>', 'the VMID of the copy; must be free', parseVmid)
    .option('--backup <id>', 'which backup; the newest when left out')
    .option('--storage <storage>', 'for the restored disks')
    .action((vmid: number, options: RestoreOptions) => act((context) => restore(vmid, options, context)));
  program
    .command('backups')
    .description('backups with their verdicts, newest first')
    .argument('[vmid]', 'of one guest', parseVmid)
    .action((vmid?: number) => act((context) => listBackups(vmid, context)));
  program
    .command('events')
    .description('what happened')
    .option('--follow', 'and what happens, until Ctrl-C')
    .action((options: { follow?: boolean }) => act((context) => showEvents(options, context)));
  program
    .command('operation')
    .description('one backup or restore; follows it while it runs')
    .argument('<id>', 'as the list of operations or an event names it')
    .action((id: string) => act((context) => showOperation(id, context)));
  return program;
}

function parseVmid(text: string): number {
  const parsed = vmidSchema.safeParse(Number(text));
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('A VMID is a whole number from 100.');
}
