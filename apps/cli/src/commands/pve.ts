import type { Command } from 'commander';
import { usage } from '../cli-error.ts';
import type { LocalContext } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import {
  bridge,
  bridges,
  loginFrom,
  nodeName,
  pool,
  type ProvisionOptions,
  requestFrom,
  storage,
  storages,
  userId,
  vmids,
  wishedUnseen,
} from '../provision/options.ts';
import { printedLines } from '../provision/printed-lines.ts';
import { provision } from '../provision/provision.ts';
import { pveumLine } from '../provision/pveum.ts';
import { reportOutcome, reportPrinted } from '../provision/report.ts';
import { describeStep } from '../provision/step.ts';
import type { Terminal } from '../provision/terminal.ts';

export function pveCommands(
  pve: Command,
  here: (action: (context: LocalContext) => Promise<ExitCode>) => Promise<void>,
  terminal: () => Terminal,
): void {
  pve
    .command('provision')
    .description('make the tokens that a controller needs, and prove what they may and may not do')
    .option('--url <url>', 'the API of a node: https://pve1.example:8006')
    .option('--fingerprint <sha256>', 'of the node’s certificate: pvenode cert info shows it there')
    .option('--ca <file>', 'of the node: /etc/pve/pve-root-ca.pem there; or system')
    .option(
      '--login <user>',
      'an administrator; the password is asked for, or read from standard input',
      userId,
      'root@pam',
    )
    .option('--guest <vmids>', '101,102,110-119: a token for each; the guests to restore from', vmids)
    .option('--storage <storages>', 'where their backups go', storages)
    .option('--restore', 'also the operator’s token, which restores these guests as other VMIDs')
    .option('--target <vmids>', 'VMIDs of copies: the restore token may make, start and destroy these', vmids)
    .option(
      '--target-storage <storages>',
      'of restored disks (default: where the guests have theirs)',
      storages,
    )
    .option('--bridge <bridges>', 'vmbr0, or zone/vnet (default: those of the guests)', bridges)
    .option(
      '--in-place',
      'the operator’s token may stop and start these guests too: restores in place, rollbacks',
    )
    .option('--copy-network', 'the operator’s token may give copies another network than their original’s')
    .option(
      '--drill-pool <pool>',
      'the operator’s token may also drill: scratch guests in this pool, which is made where it is not there',
      pool,
    )
    .option('--drill-bridge <bridge>', 'of scratch guests; one that leads to the controller alone', bridge)
    .option('--drill-storage <storage>', 'of scratch guests’ disks (default: those of restores)', storage)
    .option('--user <user>', 'who the tokens belong to', userId, 'tacet@pve')
    .option(
      '--node <name>',
      'as the controller’s configuration names it (default: the host in --url)',
      nodeName,
    )
    .option('--secrets <directory>', 'where the secrets go, a file each', '/etc/tacet')
    .option(
      '--key-file <file>',
      'what the controller seals secrets with (default: /etc/tacet/controller.key or /var/lib/tacet-controller.key, where it is there)',
    )
    .option('--dry-run', 'show what would be done, as pveum lines too')
    .option('--print', 'no login: print the pveum lines for all of it')
    .option('--rotate', 'new secrets for the tokens of --guest and --restore')
    .option('--revoke', 'remove the tokens of --guest and --restore')
    .option('--fix-roles', 'set a role of our name that has other privileges')
    .option('--show-secrets', 'print new secrets too')
    .action((options: ProvisionOptions) =>
      here(async (context) =>
        options.print === true
          ? printLines(options, context)
          : await runProvision(options, terminal, context),
      ),
    );
}

async function runProvision(
  options: ProvisionOptions,
  terminal: () => Terminal,
  context: LocalContext,
): Promise<ExitCode> {
  const request = requestFrom(options);
  const login = await loginFrom(options);
  const { clock, signal, json, print, note } = context;
  const outcome = await provision(request, login, {
    terminal: terminal(),
    clock,
    signal,
    onStep: (step) => (json ? undefined : print(`done  ${describeStep(step)}`)),
    onLeft: (steps) => {
      if (steps.length > 0) note('Not done:');
      for (const step of steps) note(`  ${pveumLine(step)}`);
    },
  });
  return reportOutcome(outcome, request, options.showSecrets === true, context);
}

function printLines(options: ProvisionOptions, context: LocalContext): ExitCode {
  const request = requestFrom(options);
  if (request.mode === 'revoke' || request.dryRun) {
    const other = request.dryRun ? '--dry-run' : '--revoke';
    throw usage(
      `--print has not seen the node, and cannot be combined with ${other}`,
      'With a login, --dry-run shows the pveum lines for what is there, and changes nothing.',
    );
  }
  const wish = wishedUnseen(request);
  return reportPrinted(printedLines(wish, request.mode), wish, request, context);
}
