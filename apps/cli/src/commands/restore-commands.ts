import { pveNameSchema, startRollbackSchema, startSnapshotSchema } from '@tacet/protocol';
import type { Command } from 'commander';
import { z } from 'zod';
import { by, parseVmid } from '../arguments.ts';
import type { Actor } from '../command-table.ts';
import { drill, type DrillOptions } from './drill.ts';
import { parseRegenerate, regenerateChoices } from './regenerate.ts';
import { parseNetwork, restore, type RestoreOptions } from './restore.ts';
import { listSnapshots, rollBack, type SnapshotOptions, takeSnapshot } from './snapshots.ts';

/** What puts guests back to what they were, and what proves that it can be done. */
export function restoreCommands(program: Command, { ask }: Actor): void {
  program
    .command('restore')
    .description('restore a backup, under another VMID or in place, and wait until the guest is ready')
    .argument('<vmid>', 'the guest that was backed up', parseVmid)
    .option('--to <vmid>', 'the VMID of a copy; must be free', parseVmid)
    .option('--in-place', 'over the guest itself: its disks and its snapshots are destroyed')
    .option('--no-safety-backup', 'with --in-place: make no backup of the guest as it is now')
    .option('--network <policy>', 'keep, dhcp, link-down, or an address as 10.0.0.5/24', parseNetwork)
    .option('--gateway <address>', 'with an address', by(z.ipv4(), 'It is an IPv4 address, as 10.0.0.1.'))
    .option('--node <node>', 'on which node; that of the backup when left out', by(pveNameSchema))
    .option('--backup <id>', 'which backup; the newest when left out, safety backups aside')
    .option('--storage <storage>', 'for the restored disks', by(pveNameSchema))
    .option(
      '--regenerate <what>',
      `what a copy makes anew: none, or some of ${regenerateChoices}`,
      parseRegenerate,
    )
    .action((vmid: number, options: RestoreOptions) => ask((context) => restore(vmid, options, context)));
  program
    .command('snapshot')
    .description('hold a guest, take a snapshot of it, and print the verdict with its proof')
    .argument('<vmid>', 'the guest', parseVmid)
    .requiredOption(
      '--before <text>',
      'what you are about to do, as "upgrade nextcloud"',
      by(startSnapshotSchema.shape.before, 'Say it in 1 to 200 characters.'),
    )
    .action((vmid: number, options: SnapshotOptions) =>
      ask((context) => takeSnapshot(vmid, options, context)),
    );
  program
    .command('snapshots')
    .description('the snapshots of a guest, newest first')
    .argument('<vmid>', 'the guest', parseVmid)
    .action((vmid: number) => ask((context) => listSnapshots(vmid, context)));
  program
    .command('rollback')
    .description('take a guest back to a snapshot and wait until it is ready; what was written since is lost')
    .argument('<vmid>', 'the guest', parseVmid)
    .argument(
      '[name]',
      'the snapshot; the newest that tacet has taken when left out',
      by(startRollbackSchema.shape.name.unwrap(), 'That is no name of a snapshot.'),
    )
    .action((vmid: number, name?: string) => ask((context) => rollBack(vmid, name, context)));
  program
    .command('drill')
    .description('prove a backup: restore it into a scratch guest, wait until that is ready, destroy it')
    .argument('<vmid>', 'the guest that was backed up', parseVmid)
    .option('--backup <id>', 'which backup; the newest when left out, safety backups aside')
    .action((vmid: number, options: DrillOptions) => ask((context) => drill(vmid, options, context)));
}
