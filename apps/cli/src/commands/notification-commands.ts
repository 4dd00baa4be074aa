import { channelNameSchema } from '@tacet/protocol';
import type { Command } from 'commander';
import { by } from '../arguments.ts';
import type { Actor } from '../command-table.ts';
import { deleteChannel, listChannels, setChannel, showChannel, testChannel } from './notifications.ts';

/** `tacet notifications …` */
export function notificationCommands(notifications: Command, { ask }: Actor): void {
  const parseName = by(channelNameSchema);
  notifications
    .command('list')
    .description('every channel, and how its last message fared')
    .action(() => ask(listChannels));
  notifications
    .command('show')
    .description('one channel without its secrets, and its last messages')
    .argument('<name>', 'the channel', parseName)
    .action((name: string) => ask((context) => showChannel(name, context)));
  notifications
    .command('set')
    .description('make or change a channel; secrets that the file leaves out stay as they are')
    .argument('<name>', 'small letters, digits, dots, dashes and underscores', parseName)
    .requiredOption('--file <file>', 'what it is, as JSON')
    .action((name: string, { file }: { file: string }) => ask((context) => setChannel(name, file, context)));
  notifications
    .command('test')
    .description('send a test through a channel, and say what came of it')
    .argument('<name>', 'the channel', parseName)
    .action((name: string) => ask((context) => testChannel(name, context)));
  notifications
    .command('delete')
    .description('delete a channel, and what was to be sent through it')
    .argument('<name>', 'the channel', parseName)
    .action((name: string) => ask((context) => deleteChannel(name, context)));
}
