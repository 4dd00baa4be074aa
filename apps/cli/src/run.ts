import { type Clock, describeError, systemClock, TacetError } from '@tacet/runtime';
import { vmidSchema } from '@tacet/protocol';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { CliError } from './cli-error.ts';
import { type BackupOptions, backUp, listBackups } from './commands/backups.ts';
import { adoptCopy, dismissCopy } from './commands/copies.ts';
import { type DoctorOptions, examine } from './commands/doctor.ts';
import { showEvents } from './commands/events.ts';
import { enrol, listGuests, showStatus } from './commands/guests.ts';
import { type HookInstallOptions, installHook, showHook, uninstallHook } from './commands/hook.ts';
import { listOperations, showOperation } from './commands/operation.ts';
import { type SetupOptions, setUp } from './commands/setup.ts';
import { pveCommands } from './commands/pve.ts';
import { restoreCommands } from './commands/restore-commands.ts';
import { scheduleCommands } from './commands/schedule-commands.ts';
import type { Context, LocalContext } from './context.ts';
import { HttpControllerApi } from './controller-api.ts';
import { readControllerFile } from './controller-file.ts';
import { type ExitCode, exitCodes, exitCodesHelp } from './exit-codes.ts';
import type { HookPaths } from './hook/installation.ts';
import { processTerminal, type Terminal } from './provision/terminal.ts';

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
}

type Action = (context: Context) => Promise<ExitCode>;
type LocalAction = (context: LocalContext) => Promise<ExitCode>;

/** Runs what a command asks for: with a controller, or on this machine alone. */
interface Actor {
  readonly ask: (action: Action) => Promise<void>;
  readonly here: (action: LocalAction) => Promise<void>;
}

/** The whole of `tacet`, without touching the process. @returns the exit code. */
export async function run(options: RunOptions): Promise<ExitCode> {
  const { argv, stderr, signal } = options;
  let exitCode: ExitCode = exitCodes.ok;
  const program = commands(options, {
    ask: async (action) => {
      exitCode = await withController(program, options, action);
    },
    here: async (action) => {
      exitCode = await action(localContext(program, options));
    },
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
  const { controller } = program.opts<{ controller?: string }>();
  const access = await readControllerFile(controller ?? options.env['TACET_CONTROLLER']);
  await using api = new HttpControllerApi(access);
  return await action({ api, ...localContext(program, options) });
}

function localContext(program: Command, options: RunOptions): LocalContext {
  const { stdout, stderr, signal, clock = systemClock } = options;
  const { json = false } = program.opts<{ json?: boolean }>();
  const print = (line: string): void => stdout(`${line}\n`);
  // Words about the way are for people at a terminal; with --json the answer alone is wanted.
  const note = (line: string): void => (json ? undefined : stderr(`${line}\n`));
  return { json, print, note, clock, signal };
}

function commands({ stdout, stderr, terminal }: RunOptions, { ask, here }: Actor): Command {
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
    .action((vmid?: number) => ask((context) => showStatus(vmid, context)));
  program
    .command('guests')
    .description('every guest that is known, quarantined copies included')
    .action(() => ask(listGuests));
  program
    .command('doctor')
    .description(
      'what would make a backup or a restore fail, or worth less, and what fixes it; changes nothing',
    )
    .argument('[vmid...]', 'the guests; all when left out', parseVmids, [])
    .option('--last', 'the last report; nothing is asked anew')
    .action((vmids: number[], options: DoctorOptions) => ask((context) => examine(vmids, options, context)));
  program
    .command('enrol')
    .alias('enroll')
    .description('make a guest known: prints the command to run in it, once')
    .argument('<vmid>', 'the guest', parseVmid)
    .action((vmid: number) => ask((context) => enrol(vmid, context)));
  program
    .command('adopt')
    .description('make a quarantined copy a guest of its own')
    .argument('<id>', 'as tacet guests shows it')
    .option('--vmid <vmid>', 'where the copy cannot say it', parseVmid)
    .action((id: string, options: { vmid?: number }) => ask((context) => adoptCopy(id, options, context)));
  program
    .command('dismiss')
    .description('turn a quarantined copy away for good')
    .argument('<id>', 'as tacet guests shows it')
    .action((id: string) => ask((context) => dismissCopy(id, context)));
  program
    .command('backup')
    .description('back a guest up and print the verdict with its proof')
    .argument('<vmid>', 'the guest', parseVmid)
    .option('--storage <storage>', 'where to; the node’s configured one when left out')
    .option('--mode <mode>', 'snapshot, suspend or stop; the last two without a hold')
    .option('--fail-closed', 'make no backup of a guest that could not be held')
    .action((vmid: number, options: BackupOptions) => ask((context) => backUp(vmid, options, context)));
  restoreCommands(program, ask, parseVmid);
  program
    .command('backups')
    .description('backups with their verdicts, newest first')
    .argument('[vmid]', 'of one guest', parseVmid)
    .action((vmid?: number) => ask((context) => listBackups(vmid, context)));
  program
    .command('events')
    .description('what happened')
    .option('--follow', 'and what happens, until Ctrl-C')
    .action((options: { follow?: boolean }) => ask((context) => showEvents(options, context)));
  program
    .command('operation')
    .description('what runs and ran, or one operation; follows it while it runs')
    .argument('[id]', 'as the list names it')
    .action((id?: string) =>
      ask((context) => (id === undefined ? listOperations(context) : showOperation(id, context))),
    );
  program
    .command('setup')
    .description('write the first configuration of a controller on this machine')
    .option('--config <file>', 'where to', '/etc/tacet/controller.json')
    .option('--address <address>', 'how guests and browsers reach this machine; its first address')
    .option('--port <port>', 'where it listens', Number, 8443)
    .option('--node <name>', 'the node that this machine is, to listen to its vzdump hook; found by itself')
    .action((options: SetupOptions) => here((context) => setUp(options, context)));
  const schedule = program.command('schedule').description('which guests are backed up when, and how');
  scheduleCommands(schedule, ask, parseVmids);
  hookCommands(program.command('hook').description('the hook of vzdump on this node'), here);
  const pve = program.command('pve').description('what Tacet needs of Proxmox VE itself');
  pveCommands(pve, here, () => terminal ?? processTerminal());
  return program;
}

/** Where things are there; named otherwise by who has moved them. */
function onThisNode(command: Command): Command {
  return command
    .option('--script <file>', 'the hook script', '/usr/local/lib/tacet/vzdump-hook')
    .option('--vzdump-conf <file>', 'the configuration of vzdump', '/etc/vzdump.conf')
    .option('--vzdump-lock <file>', 'what a vzdump locks while it runs', '/run/vzdump.lock');
}

function hookCommands(hook: Command, here: Actor['here']): void {
  onThisNode(hook.command('install'))
    .description('have every vzdump on this node hold its guests; a hook that is there goes on being run')
    .option('--socket <file>', 'where the controller listens, as in its configuration: hook.socket')
    .option('--fail-closed <vmids>', '101,102 or all: no backup of these that is not held; none to be open')
    .option('--patience <seconds>', 'how long to wait for the controller; less than its lease', Number)
    .action((options: HookInstallOptions) => here((context) => installHook(options, context)));
  onThisNode(hook.command('uninstall'))
    .description('have vzdump run what it ran before')
    .action((options: HookPaths) => here((context) => uninstallHook(options, context)));
  onThisNode(hook.command('status'))
    .description('whether vzdump runs the hook, and the controller answers it')
    .action((options: HookPaths) => here((context) => showHook(options, context)));
}

function parseVmids(text: string, before: readonly number[]): number[] {
  return [...before, parseVmid(text)];
}

function parseVmid(text: string): number {
  const parsed = vmidSchema.safeParse(Number(text));
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('A VMID is a whole number from 100.');
}
