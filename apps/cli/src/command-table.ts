import { pveNameSchema, startBackupSchema } from '@tacet/protocol';
import { Argument, Command } from 'commander';
import { by, oneOf, parseVmid, parseVmids, wholeNumber } from './arguments.ts';
import { accountCommands, tokenCommands } from './commands/access-commands.ts';
import { showAudit } from './commands/audit.ts';
import { type BackupOptions, backUp, listBackups } from './commands/backups.ts';
import { adoptCopy, type AdoptOptions, dismissCopy } from './commands/copies.ts';
import { type DoctorOptions, examine } from './commands/doctor.ts';
import { type EventOptions, eventTypeOption, parseSince, showEvents } from './commands/events.ts';
import { enrol, listGuests, showStatus } from './commands/guests.ts';
import { showHelp } from './commands/help.ts';
import { hookCommands } from './commands/hook-commands.ts';
import { listNodes, listSettings } from './commands/installation.ts';
import { cancel, rehearse, thaw } from './commands/interventions.ts';
import { notificationCommands } from './commands/notification-commands.ts';
import { listOperations, showOperation } from './commands/operation.ts';
import { pveCommands } from './commands/pve.ts';
import { parseRegenerate, regenerateChoices } from './commands/regenerate.ts';
import { restoreCommands } from './commands/restore-commands.ts';
import { scheduleCommands } from './commands/schedule-commands.ts';
import { type SetupOptions, setUp } from './commands/setup.ts';
import { watch } from './commands/watch.ts';
import { completionScript, shells } from './completion/completion.ts';
import type { Context, LocalContext } from './context.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { helpFooter, topicNames } from './help-topics.ts';
import type { Terminal } from './provision/terminal.ts';

export type Action = (context: Context) => Promise<ExitCode>;
export type LocalAction = (context: LocalContext) => Promise<ExitCode>;

/** Runs what a command asks for: with a controller, or on this machine alone. */
export interface Actor {
  readonly ask: (action: Action) => Promise<void>;
  readonly here: (action: LocalAction) => Promise<void>;
  /** Where secrets are typed. */
  readonly terminal: () => Terminal;
}

/**
 * Every command, argument and option there is. Parsing, help, completions, the manual page and the list in
 * docs/reference/cli.md are all made from it.
 */
export function commandTable(actor: Actor): Command {
  const { ask, here, terminal } = actor;
  const program = new Command('tacet')
    .description('App-consistent, proven, self-healing backups of Docker in Proxmox VE guests.')
    .option('--json', 'print the answers themselves')
    .option('--controller <file>', 'access to the controller; tacet help configuration says where it is else')
    .addHelpText('after', helpFooter);

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
    .command('watch')
    .description('guests, what runs and what happens, until Ctrl-C; where nobody looks, events one a line')
    .argument('[vmid...]', 'only these guests', parseVmids, [])
    .action((vmids: number[]) => ask((context) => watch(vmids, context)));
  program
    .command('nodes')
    .description('the configured nodes: whether each answers, where backups go, and with which tokens')
    .action(() => ask(listNodes));
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
    .option(
      '--regenerate <what>',
      `what it makes anew: none, or some of ${regenerateChoices}`,
      parseRegenerate,
    )
    .action((id: string, options: AdoptOptions) => ask((context) => adoptCopy(id, options, context)));
  program
    .command('dismiss')
    .description('turn a quarantined copy away for good')
    .argument('<id>', 'as tacet guests shows it')
    .action((id: string) => ask((context) => dismissCopy(id, context)));
  program
    .command('backup')
    .description('back a guest up and print the verdict with its proof, and the stall of each service')
    .argument('<vmid>', 'the guest', parseVmid)
    .option('--storage <storage>', 'where to; the node’s configured one when left out', by(pveNameSchema))
    .addOption(
      oneOf(
        '--mode <mode>',
        'as vzdump knows them; suspend and stop go without a hold',
        startBackupSchema.shape.mode.unwrap().options,
      ),
    )
    .option('--fail-closed', 'make no backup of a guest that could not be held')
    .action((vmid: number, options: BackupOptions) => ask((context) => backUp(vmid, options, context)));
  program
    .command('rehearse')
    .description('hold a guest and thaw it without a backup, to see how long writes wait')
    .argument('<vmid>', 'the guest', parseVmid)
    .action((vmid: number) => ask((context) => rehearse(vmid, context)));
  program
    .command('thaw')
    .description(
      'thaw a guest now, whatever it is held for; a backup without its snapshot is worth less then',
    )
    .argument('<vmid>', 'the guest', parseVmid)
    .action((vmid: number) => ask((context) => thaw(vmid, context)));
  restoreCommands(program, actor);
  program
    .command('backups')
    .description('backups with their verdicts, newest first')
    .argument('[vmid]', 'of one guest', parseVmid)
    .action((vmid?: number) => ask((context) => listBackups(vmid, context)));
  program
    .command('events')
    .description('what happened; the newest last')
    .option('--follow', 'and what happens, until Ctrl-C')
    .option('--vmid <vmid>', 'only of this guest', parseVmid)
    .addOption(eventTypeOption())
    .option('--since <when>', 'how long ago, as 2h or 7d, or a date, as 2026-11-22T18:00', parseSince)
    .option('--limit <count>', 'how many at most', wholeNumber(1, 100_000), 100)
    .action((options: EventOptions) => ask((context) => showEvents(options, context)));
  program
    .command('operation')
    .description('what runs and ran, or one operation; follows it while it runs')
    .argument('[id]', 'as the list names it')
    .action((id?: string) =>
      ask((context) => (id === undefined ? listOperations(context) : showOperation(id, context))),
    );
  program
    .command('cancel')
    .description('thaw, then have a backup or a rehearsal stop; waits for its end')
    .argument('<id>', 'as tacet operation names it')
    .action((id: string) => ask((context) => cancel(id, context)));
  scheduleCommands(
    program.command('schedule').description('which guests are backed up when, and how'),
    actor,
  );
  notificationCommands(
    program.command('notifications').description('who is told what is wrong, and how'),
    actor,
  );
  accountCommands(program.command('account').description('who signs in at the dashboard'), actor);
  tokenCommands(program.command('token').description('API tokens, for programs'), actor);
  program
    .command('audit')
    .description('who did what, from where, and what came of it; newest first')
    .option('--limit <count>', 'how many at most', wholeNumber(1, 1_000), 100)
    .action((options: { limit: number }) => ask((context) => showAudit(options, context)));
  program
    .command('settings')
    .description('how the controller is configured, defaults included; no secret')
    .action(() => ask(listSettings));
  program
    .command('setup')
    .description('write the first configuration of a controller on this machine')
    .option('--config <file>', 'where to', '/etc/tacet/controller.json')
    .option('--address <address>', 'how guests and browsers reach this machine; its first address')
    .option('--port <port>', 'where it listens', wholeNumber(1, 65_535), 8443)
    .option('--node <name>', 'the node that this machine is, to listen to its vzdump hook; found by itself')
    .action((options: SetupOptions) => here((context) => setUp(options, context)));
  hookCommands(program.command('hook').description('the hook of vzdump on this node'), actor);
  pveCommands(program.command('pve').description('what Tacet needs of Proxmox VE itself'), here, terminal);
  program
    .command('completion')
    .description('print what a shell needs to complete commands and options')
    .addArgument(new Argument('<shell>', 'which').choices(shells))
    .action((shell: string) =>
      here(({ print }) => {
        print(completionScript(shell, program).trimEnd());
        return Promise.resolve(exitCodes.ok);
      }),
    );
  program
    .command('help')
    .description('a command, or a topic')
    .addArgument(new Argument('[topic...]', `a command, or ${topicNames.join(', ')}`))
    .action((words: string[]) => here((context) => Promise.resolve(showHelp(words, program, context))));
  return program;
}
