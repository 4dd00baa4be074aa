import type { Command } from 'commander';
import type { Actor } from '../command-table.ts';
import type { HookPaths } from '../hook/installation.ts';
import { type HookInstallOptions, installHook, showHook, uninstallHook } from './hook.ts';

/** Where things are there; named otherwise by who has moved them. */
function onThisNode(command: Command): Command {
  return command
    .option('--script <file>', 'the hook script', '/usr/local/lib/tacet/vzdump-hook')
    .option('--vzdump-conf <file>', 'the configuration of vzdump', '/etc/vzdump.conf')
    .option('--vzdump-lock <file>', 'what a vzdump locks while it runs', '/run/vzdump.lock');
}

/** `tacet hook …` */
export function hookCommands(hook: Command, { here }: Actor): void {
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
